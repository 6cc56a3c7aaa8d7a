import Kubernetes
import Logging
import System

/// The loop itself, on a thread where it may block: arm, read what is wanted, pass, publish, wait.
actor ReconcilerLoop {
  private let thread: ThreadExecutor
  private let signal: LoopSignal
  private let settings: @Sendable () -> SettingsReading
  private let pass: @Sendable (Wanted) -> PassReport
  private let health: HealthState
  private let metrics: AgentMetrics
  private let logger: Logger
  private let pace: Pace

  private var folders: ArmedFolders
  private var notices: NoticeBoard
  private var contest: Contest
  private var rival: Rival?
  private var retry: BackOff
  private var isReady = false
  private var problem: String?
  private var settlingSince: SuspendingClock.Instant?

  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  init(
    on thread: ThreadExecutor, signal: LoopSignal, settings: @escaping @Sendable () -> SettingsReading,
    pass: @escaping @Sendable (Wanted) -> PassReport, health: HealthState, metrics: AgentMetrics, notices: NoticeBoard,
    logger: Logger, pace: Pace, makeWatch: @escaping @Sendable (WakeUp) throws(SystemError) -> FolderWatch
  ) {
    self.thread = thread
    self.signal = signal
    self.settings = settings
    self.pass = pass
    self.health = health
    self.metrics = metrics
    self.notices = notices
    self.logger = logger
    self.pace = pace
    folders = ArmedFolders(wakeUp: signal.wakeUp, makeWatch: makeWatch)
    contest = Contest(first: pace.contest, limit: pace.contestLimit)
    retry = BackOff(first: pace.retry, limit: pace.retryLimit)
  }

  func run() {
    while !signal.isStopping {
      health.beat()
      signal.takePoke()
      let reading = readArmed()
      if signal.isStopping { return }
      let rest = judge(reading)
      wait(rest)
    }
  }

  /// What is wanted, read after the folders that it names were armed.
  private func readArmed() -> SettingsReading {
    folders.arm()
    folders.discardEvents()
    var reading = settings()
    if folders.paths != reading.watchedFolders {
      folders.paths = reading.watchedFolders
      folders.arm()
      reading = settings()
    }
    notices.post(folders.notices, about: "watch", tellsEnd: true)
    return reading
  }

  // MARK: A pass

  /// How long to wait after a pass.
  private struct Rest {
    /// At most, if nothing happens.
    var limit: Duration
    /// At least, whatever happens.
    var floor = Duration.zero
  }

  /// Makes the pass, publishes what came of it, and says when the next one is due.
  private func judge(_ reading: SettingsReading) -> Rest {
    publish(reading)
    var report: PassReport?
    if let wanted = reading.wanted {
      let start = ContinuousClock.now
      report = pass(wanted)
      metrics.passDuration.observe(.now - start)
    }
    health.beat()
    if let report { note(report) }
    let now = SuspendingClock.now
    let isSettling = settles(report, now)
    let isPatient = settlingSince.map { now - $0 < pace.patience } ?? true
    let state = NodeState(reading, report, rival: contest.isOn ? rival : nil, isPatient: isPatient)
    if let state { publish(state) }
    let warnings = reading.warnings + (report?.warnings ?? []) + (report?.remaining.warnings ?? [])
    notices.post(warnings.map { AgentNotice(.warning, "Warning", $0) }, about: "warnings", tellsEnd: true)

    var rest = Rest(limit: pace.nextResync)
    if folders.needsPolling { rest.limit = min(rest.limit, pace.polling) }
    if isSettling { rest.limit = min(rest.limit, pace.settling) } else if state == nil { rest.limit = .zero }
    if case .failed = state {
      // A step that failed has often left events of its own, which must not cause the next attempt.
      folders.discardEvents()
      rest.limit = min(rest.limit, retry.next())
      rest.floor = pace.retry
    } else if state != nil {
      retry.reset()
    }
    if let end = contest.end { rest.limit = min(rest.limit, max(.zero, end - now)) }
    if let next = contest.nextRepair { rest.floor = max(rest.floor, next - now) }
    return rest
  }

  /// Notes whether a file is being written.
  private func settles(_ report: PassReport?, _ now: SuspendingClock.Instant) -> Bool {
    let isSettling = report?.remaining.obstacles.contains { $0.code == .settling } ?? false
    settlingSince = isSettling ? settlingSince ?? now : nil
    return isSettling
  }

  /// Counts what was done, and sees whether somebody undoes it.
  private func note(_ report: PassReport) {
    for step in report.executed {
      logger.info("done: \(step)")
      metrics.repairs.increment(step.metricObject)
    }
    if let failure = report.failure, !failure.isTransient { metrics.installs.increment(failure.metricResult) }

    let now = SuspendingClock.now
    var repairs = report.executed.filter(\.isOfConfiguration)
    if let failure = report.failure, failure.isTransient, let step = failure.step { repairs.append(step) }
    let isUndone = report.failure == nil && !report.remaining.steps.isEmpty
    if isUndone { repairs += report.remaining.steps.filter(\.isOfConfiguration) }
    if repairs.isEmpty, report.failure?.isTransient != true, !isUndone {
      if contest.settle(at: now) {
        notices.say(AgentNotice(.info, "ConfigurationCalm", "no other program undoes our changes any more"))
      }
    } else {
      let begins = contest.noteRepair(at: now)
      if begins || rival == nil || !contest.isOn { rival = Rival(undoing: repairs) }
      if contest.isOn { metrics.configConflicts.increment() }
    }
    metrics.configContested.set(contest.isOn ? 1 : 0)
  }

  // MARK: What is published

  private func publish(_ reading: SettingsReading) {
    if let problem = reading.problem, problem != self.problem { metrics.configReloadFailures.increment() }
    problem = reading.problem
    // The settings before still hold, so the node is as it should be.
    health.set("config", .ok(note: reading.problem))
    let rejection = reading.problem.map { AgentNotice(.error, "ConfigurationRejected", $0) }
    notices.post(rejection.map { [$0] } ?? [], about: "settings", tellsEnd: true)
    health.set("token", reading.tokenExpiry.map { .expiring(at: $0) } ?? .ok())
    metrics.tokenExpiry.set((reading.tokenExpiry ?? .zero) / .seconds(1))
  }

  private func publish(_ state: NodeState) {
    notices.post(state.notices, about: "node")
    health.set("install", state.check)
    let wasReady = isReady
    if case .healthy = state { isReady = true } else { isReady = false }
    if isReady, !wasReady { metrics.installs.increment("SUCCESS") }
    metrics.installReady.set(isReady ? 1 : 0)
  }

  // MARK: Waiting

  /// Waits for events, for somebody who asks, or for the time to be over; and then for the end of the burst.
  private func wait(_ rest: Rest) {
    let start = SuspendingClock.now
    var isCalm = true
    while isCalm, !signal.isRaised {
      let left = start + rest.limit - .now
      guard left > .zero else { break }
      let hasEvents = folders.waitForEvents(for: folders.hasMissing ? min(left, pace.polling) : left)
      isCalm = !hasEvents && !folders.hasChangedGaps()
    }
    if !isCalm {
      let end = SuspendingClock.now + pace.burst
      while !signal.isRaised, .now < end, folders.waitForEvents(for: pace.quiet) {}
    }
    // Whoever asks to look again waits as well; whoever asks to end does not.
    while !signal.isStopping {
      let left = start + rest.floor - .now
      guard left > .zero else { break }
      folders.waitForWakeUp(for: left)
    }
  }
}
