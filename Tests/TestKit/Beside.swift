import Dispatch
import Synchronization

/// A body that runs on a thread of its own beside a test, since that blocks one of the few that all tests share.
package final class Beside: Sendable {
  private let queue = DispatchQueue(label: "beside")
  private let result = Mutex<Result<Void, any Error>?>(nil)

  package init(_ body: @escaping @Sendable () throws -> Void) {
    queue.async {
      let result = Result { try body() }
      self.result.withLock { $0 = result }
    }
  }

  package var isOver: Bool { result.withLock { $0 != nil } }

  /// Waits for the end of the body.
  ///
  /// - Throws: what it threw.
  package func finish() throws {
    queue.sync {}
    try result.withLock(\.self)?.get()
  }
}
