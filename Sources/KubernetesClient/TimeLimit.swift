import Synchronization

/// The time that something had is over.
package struct TimeIsOver: Error {}

/// Gives up on `body` when its time is over.
///
/// - Throws: ``TimeIsOver``, or what `body` throws.
package func finishing<Success: Sendable>(
  within limit: Duration, _ body: @escaping @Sendable () async throws -> Success
) async throws -> Success {
  try await withThrowingTaskGroup(of: Success.self) { group in
    defer { group.cancelAll() }
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: limit)
      throw TimeIsOver()
    }
    guard let success = try await group.next() else { throw CancellationError() }
    return success
  }
}

/// When something was last heard from.
final class SignOfLife: Sendable {
  private let last = Mutex(ContinuousClock.now)

  func renew() {
    last.withLock { $0 = .now }
  }

  /// Returns when nothing has been heard for so long.
  func silence(of limit: Duration) async throws {
    while true {
      let end = last.withLock { $0 } + limit
      guard end > .now else { return }
      try await Task.sleep(until: end, clock: .continuous)
    }
  }
}
