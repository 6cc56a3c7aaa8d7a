import Dispatch
import Synchronization

/// Runs work that blocks for each number below `count`, on some threads at a time, and waits for all of it.
///
/// - Throws: What the first piece of work to fail threw.
package func inParallel<R: Sendable>(
  _ count: Int, threads: Int = 16, _ body: @escaping @Sendable (Int) throws -> R
) throws -> [R] {
  let work = Work<R>(count)
  let group = DispatchGroup()
  for number in 0..<min(threads, count) {
    DispatchQueue(label: "in-parallel-\(number)").async(group: group) {
      while let index = work.next() { work.finish(index, with: Result { try body(index) }) }
    }
  }
  group.wait()
  return try work.results()
}

/// What the threads have not begun yet, and what came out of the rest.
private final class Work<R: Sendable>: Sendable {
  private let count: Int
  private let state = Mutex<(begun: Int, finished: [Int: Result<R, any Error>])>((0, [:]))

  init(_ count: Int) {
    self.count = count
  }

  func next() -> Int? {
    state.withLock { state in
      guard state.begun < count else { return nil }
      state.begun += 1
      return state.begun - 1
    }
  }

  func finish(_ index: Int, with result: Result<R, any Error>) {
    state.withLock { $0.finished[index] = result }
  }

  func results() throws -> [R] {
    try state.withLock { state in try (0..<count).compactMap { try state.finished[$0]?.get() } }
  }
}
