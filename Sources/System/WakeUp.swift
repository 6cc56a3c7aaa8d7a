import CLinux
import Glibc
import SystemPackage

/// Ends another thread's wait. A signal is kept until somebody waits, and several count as one.
package final class WakeUp: Sendable {
  private let counter: OwnedDescriptor

  /// - Throws: `EMFILE` or `ENFILE` if no descriptor is left.
  package init() throws(SystemError) {
    counter = OwnedDescriptor(owning: try retrying("eventfd", "a wake-up") { clinux_event_counter() })
  }

  /// Ends the wait that is under way, or the next one.
  package func signal() {
    // The one failure, `EAGAIN`, says that the counter is full: the signal is there already.
    counter.withRawValue { _ = eventfd_write($0, 1) }
  }

  /// Waits for a signal, and takes it.
  ///
  /// - Parameter limit: the longest wait; nil waits for ever.
  /// - Returns: Whether there was one.
  @discardableResult
  package func wait(for limit: Duration? = nil) throws(SystemError) -> Bool {
    let deadline = limit.map { ContinuousClock.now + $0 }
    while try waitUntilReadable([descriptor], for: deadline.map { $0 - .now })[0] {
      // Another one who waits may have been faster.
      if take() { return true }
    }
    return false
  }

  /// Takes the signal, if there is one.
  @discardableResult
  func take() -> Bool {
    var count: eventfd_t = 0
    return counter.withRawValue { unsafe eventfd_read($0, &count) } == 0
  }

  /// For `poll`, as long as this object lives.
  var descriptor: CInt { counter.withRawValue { $0 } }
}
