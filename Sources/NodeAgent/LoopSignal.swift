import Synchronization
import System

/// Tells the loop from other threads that it is to look again, or to end.
final class LoopSignal: Sendable {
  private struct State {
    var isPoked = false
    var isStopping = false
  }

  /// Ends the loop's wait.
  let wakeUp: WakeUp
  private let state = Mutex(State())

  init() throws(SystemError) {
    wakeUp = try WakeUp()
  }

  func poke() {
    state.withLock { $0.isPoked = true }
    wakeUp.signal()
  }

  func stop() {
    state.withLock { $0.isStopping = true }
    wakeUp.signal()
  }

  var isStopping: Bool { state.withLock { $0.isStopping } }

  /// Whether somebody has asked to look again, or to end.
  var isRaised: Bool { state.withLock { $0.isPoked || $0.isStopping } }

  /// What is looked at from now on is new enough for those who asked.
  func takePoke() {
    state.withLock { $0.isPoked = false }
  }
}
