import CNI
import Logging
import ServiceLifecycle
import Synchronization
import System

/// Tests the installed plugin end to end: once the installation is healthy, whenever it has changed, and now and then.
///
/// The result is the check `self-test` of the agent's health, and a note for the plugin's STATUS.
struct SelfTestService: Service {
  /// The name of the check.
  static let check = "self-test"

  /// When it is tested again.
  struct Pace: Sendable {
    /// After a test that has passed.
    var interval = Duration.seconds(600)
    /// After one that has not; doubled up to ``retryLimit``.
    var retry = Duration.seconds(1)
    var retryLimit = Duration.seconds(60)
    /// How long to wait for the agent's own socket, without which the plugin would ask the API server.
    var socket = Duration.seconds(3)
  }

  private let start: @Sendable (ThreadExecutor) -> SelfTestLoop
  private let signal: LoopSignal
  private let wanted = SelfTestSubject()

  /// - Parameters:
  ///   - shared: where the note for the plugin goes.
  ///   - test: makes the test; it may block.
  ///   - announce: called for what is said, for Events; it must not block.
  ///   - onPass: called after each test that has passed.
  /// - Throws: `EMFILE` if no descriptor is left.
  init(
    _ shared: RunDirectory, health: HealthState, metrics: AgentMetrics, logger: Logger, pace: Pace = Pace(),
    test: @escaping @Sendable (SelfTest.Subject) throws(SelfTestFailure) -> Void,
    announce: @escaping @Sendable (AgentNotice) -> Void = { _ in },
    onPass: @escaping @Sendable () -> Void = {}
  ) throws(SystemError) {
    let signal = try LoopSignal()
    self.signal = signal
    start = { [wanted] thread in
      SelfTestLoop(
        on: thread, signal: signal, subject: wanted, note: SelfTestNote(shared), socket: shared.podSocket,
        health: health, metrics: metrics, notices: NoticeBoard(logger: logger, announce: announce), logger: logger,
        pace: pace, test: test, onPass: onPass)
    }
  }

  /// Takes note of a pass over the node, and has the plugin tested if that made it another one.
  func note(_ wanted: Wanted, _ report: PassReport) {
    // What is not installed as it should be is another check's matter.
    guard report.isHealthy, let subject = SelfTest.Subject(wanted) else { return }
    if self.wanted.replace(with: subject) || !report.executed.isEmpty { signal.poke() }
  }

  /// Tests until it is shut down; a test that is under way is finished. What it said to the plugin ends with it.
  ///
  /// - Throws: ``SystemError`` if there can be no thread.
  func run() async throws {
    let thread = try ThreadExecutor.start()
    defer { thread.stop() }
    let loop = start(thread)
    await withTaskCancellationOrGracefulShutdownHandler {
      await loop.run()
    } onCancelOrGracefulShutdown: {
      signal.stop()
    }
  }
}

/// What is to be tested; nothing until the installation was healthy once.
final class SelfTestSubject: Sendable {
  private let subject = Mutex<SelfTest.Subject?>(nil)

  var current: SelfTest.Subject? { subject.withLock { $0 } }

  /// - Returns: Whether it is another one than before.
  func replace(with new: SelfTest.Subject) -> Bool {
    subject.withLock { subject in
      defer { subject = new }
      return subject != new
    }
  }
}
