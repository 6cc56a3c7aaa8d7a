import Kubernetes
import Logging
import System

/// The loop itself, on a thread where it may block: test, publish, wait.
actor SelfTestLoop {
  private let thread: ThreadExecutor
  private let signal: LoopSignal
  private let subject: SelfTestSubject
  private let note: SelfTestNote
  private let socket: String
  private let health: HealthState
  private let metrics: AgentMetrics
  private let logger: Logger
  private let pace: SelfTestService.Pace
  private let test: @Sendable (SelfTest.Subject) throws(SelfTestFailure) -> Void
  private let onPass: @Sendable () -> Void

  private let notices: NoticeBoard
  /// What was said last. Only another result is said; details count the time that it took.
  private var said: String?
  private var retry: BackOff
  /// Whether the last test passed. Then one that fails is repeated before anybody hears of it: it may have been a moment
  /// in which the node had too much to do.
  private var hasPassed = false

  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  init(
    on thread: ThreadExecutor, signal: LoopSignal, subject: SelfTestSubject, note: SelfTestNote, socket: String,
    health: HealthState, metrics: AgentMetrics, notices: NoticeBoard, logger: Logger, pace: SelfTestService.Pace,
    test: @escaping @Sendable (SelfTest.Subject) throws(SelfTestFailure) -> Void, onPass: @escaping @Sendable () -> Void
  ) {
    self.thread = thread
    self.signal = signal
    self.subject = subject
    self.note = note
    self.socket = socket
    self.health = health
    self.metrics = metrics
    self.notices = notices
    self.logger = logger
    self.pace = pace
    self.test = test
    self.onPass = onPass
    retry = BackOff(first: pace.retry, limit: pace.retryLimit)
  }

  func run() {
    while !signal.isStopping {
      signal.takePoke()
      var rest = pace.interval * Double.random(in: 0.9...1.1)
      if let subject = subject.current {
        awaitSocket()
        if signal.isStopping { break }
        let start = ContinuousClock.now
        let result = Result { () throws(SelfTestFailure) in try test(subject) }
        metrics.selfTestDuration.observe(.now - start)
        rest = take(result, rest)
      }
      wait(rest)
    }
    // Without an agent nobody would take it back.
    tell(nil)
  }

  /// - Parameter interval: the time until the next test, if this one has passed.
  /// - Returns: the time until the next test.
  private func take(_ result: Result<Void, SelfTestFailure>, _ interval: Duration) -> Duration {
    switch result {
    case .success:
      hasPassed = true
      metrics.selfTests.increment("passed")
      publish(result)
      retry.reset()
      return interval
    case .failure(let failure):
      metrics.selfTests.increment(failure.word)
      if !hasPassed { publish(result) }
      hasPassed = false
      return retry.nextSpread()
    }
  }

  // MARK: What is published

  private func publish(_ result: Result<Void, SelfTestFailure>) {
    switch result {
    case .success:
      report(.ok(), note: nil, Self.passed)
      onPass()
    case .failure(let failure):
      switch failure.concern {
      case .plugin: report(.failing(failure.problem), note: failure, failure.notice)
      case .agent: report(.failing(failure.problem), note: nil, failure.notice)
      case .container: report(.ok(note: failure.problem), note: nil, failure.notice)
      }
    }
  }

  private static let passed = AgentNotice(
    .info, "SelfTestPassed", "the self-test passed: a pod of the mesh is redirected on this node")

  private func report(_ check: HealthCheck, note failure: SelfTestFailure?, _ notice: AgentNotice) {
    tell(failure)
    health.set(SelfTestService.check, check)
    if said == notice.message { return }
    said = notice.message
    notices.say(notice)
  }

  private func tell(_ failure: SelfTestFailure?) {
    do throws(SystemError) {
      try note.set(failure)
    } catch {
      // STATUS then says what it said before; readiness tells all the same.
      logger.debug("the plugin's STATUS is not told of the self-test: \(error)")
    }
  }

  // MARK: Waiting

  /// Waits for the agent to answer questions about pods: it may just have begun.
  private func awaitSocket() {
    let end = SuspendingClock.now + pace.socket
    while !isThere(socket), !signal.isStopping, .now < end { pause(for: .milliseconds(10)) }
  }

  private func isThere(_ path: String) -> Bool {
    // What cannot be looked at is not there for the plugin either.
    (try? exists(path)) ?? false
  }

  private func wait(_ rest: Duration) {
    let end = SuspendingClock.now + rest
    while !signal.isRaised, .now < end { pause(for: end - .now) }
  }

  private func pause(for limit: Duration) {
    do throws(SystemError) {
      try signal.wakeUp.wait(for: limit)
    } catch {
      preconditionFailure("a wait for a descriptor of our own ends with a signal or the time: \(error)")
    }
  }
}

extension SelfTestFailure {
  /// The metric's `result`.
  fileprivate var word: String { concern == .plugin ? "failed" : "untested" }

  fileprivate var notice: AgentNotice {
    let (level, reason): (Logger.Level, String) =
      switch concern {
      case .plugin: (.error, "SelfTestFailed")
      case .agent: (.warning, "SelfTestImpossible")
      case .container: (.info, "SelfTestImpossible")
      }
    return AgentNotice(level, reason, problem, remedy: remedy)
  }
}
