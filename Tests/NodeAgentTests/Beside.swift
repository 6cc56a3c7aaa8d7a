import Foundation
import Synchronization

/// A body that runs on a thread of its own beside a test, since that blocks one of the few that all tests share.
final class Beside: Sendable {
  private let state = Mutex<Result<Void, any Error>?>(nil)

  init(_ body: @escaping @Sendable () throws -> Void) {
    Thread.detachNewThread {
      let result = Result { try body() }
      self.state.withLock { $0 = result }
    }
  }

  var isOver: Bool { state.withLock { $0 != nil } }

  /// Waits for the end of the body.
  ///
  /// - Throws: what it threw.
  func finish() throws {
    while true {
      if let result = state.withLock({ $0 }) { return try result.get() }
      usleep(1000)
    }
  }
}
