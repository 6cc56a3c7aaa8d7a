import Dispatch
import Synchronization

/// Runs work that blocks where it keeps no other suite waiting: the threads that tests share are as many as there are
/// cores. A few pieces of work run at a time, for much of it is waiting. It stays a part of its test.
func onOwnThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
  let threads = executors[turn.add(1, ordering: .relaxed).oldValue % executors.count]
  return try await withTaskExecutorPreference(threads) { try body() }
}

private final class OwnThread: TaskExecutor {
  private let queue = DispatchQueue(label: "own-thread")

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

private let executors = (0..<4).map { _ in OwnThread() }
private let turn = Atomic(0)
