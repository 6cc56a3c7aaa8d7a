import Dispatch
import Synchronization

/// Runs work that blocks where it keeps no other suite waiting: the threads that tests share are as many as there are
/// cores. A few pieces of work run at a time, for much of it is waiting.
func onOwnThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
  let queue = queues[turn.add(1, ordering: .relaxed).oldValue % queues.count]
  return try await withCheckedThrowingContinuation { continuation in
    queue.async { continuation.resume(with: Result(catching: body)) }
  }
}

private let queues = (0..<3).map { DispatchQueue(label: "own-thread-\($0)") }
private let turn = Atomic(0)
