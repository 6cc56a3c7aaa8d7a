package import Logging
import ServiceLifecycle
package import System

/// Keeps the node as wanted: looks at it again whenever something may have changed, and puts right what differs.
///
/// Events only say that it is time to look; what is to be done comes from what is found.
package struct Reconciler: Service {
  private let start: @Sendable (ThreadExecutor) -> ReconcilerLoop
  private let signal: LoopSignal

  /// - Parameters:
  ///   - settings: reads what is wanted now; it may block.
  ///   - pass: observes, plans and executes; it may block.
  ///   - health: the checks `install`, `config` and `token` are kept there.
  ///   - announce: called for everything that is said, for Events; it must not block.
  ///   - makeWatch: how folders are watched. Where that fails they are looked at each second.
  /// - Throws: `EMFILE` if no descriptor is left.
  package init(
    settings: @escaping @Sendable () -> SettingsReading,
    pass: @escaping @Sendable (Wanted) -> PassReport,
    health: HealthState,
    metrics: AgentMetrics,
    logger: Logger,
    announce: @escaping @Sendable (AgentNotice) -> Void = { _ in },
    pace: Pace = Pace(),
    makeWatch: @escaping @Sendable (WakeUp) throws(SystemError) -> FolderWatch = { wakeUp throws(SystemError) in
      try FolderWatch(wakeUp: wakeUp)
    }
  ) throws(SystemError) {
    let signal = try LoopSignal()
    self.signal = signal
    start = { executor in
      ReconcilerLoop(
        on: executor, signal: signal, settings: settings, pass: pass, health: health, metrics: metrics,
        notices: NoticeBoard(logger: logger, announce: announce), logger: logger, pace: pace, makeWatch: makeWatch)
    }
  }

  /// Has everything looked at again, because something changed that no folder tells of.
  package func poke() {
    signal.poke()
  }

  /// Keeps the node as wanted until it is shut down. A pass that is under way is finished. Takes nothing away.
  ///
  /// - Throws: ``SystemError`` if there can be no thread.
  package func run() async throws {
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
