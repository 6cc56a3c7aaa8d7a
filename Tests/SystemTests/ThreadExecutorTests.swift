import CLinux
import Glibc
import System
import Testing

@Suite(.timeLimit(.minutes(1))) struct ThreadExecutorTests {
  @Test("an actor runs on the thread, and always on the same one")
  func sameThread() async throws {
    let executor = try ThreadExecutor.start()
    defer { executor.stop() }
    let actor = Probe(executor)
    let first = await actor.thread
    for _ in 0..<20 { await #expect(actor.thread == first) }
    #expect(first != clinux_thread_id())
  }

  @Test("an actor that awaits comes back to its thread")
  func suspension() async throws {
    let executor = try ThreadExecutor.start()
    defer { executor.stop() }
    let (before, after) = await Probe(executor).threadsAround { await Task.yield() }
    #expect(before == after)
  }

  @Test("a blocked actor holds up no other task")
  func blocking() async throws {
    let wakeUp = try WakeUp()
    let executors = try (0..<16).map { _ in try ThreadExecutor.start() }
    defer { executors.forEach { $0.stop() } }
    // More of them than there are threads for tasks.
    let ended = await withTaskGroup(of: Bool.self) { group in
      for executor in executors { group.addTask { await Probe(executor).waitAndPassOn(wakeUp) } }
      await Task.yield()
      wakeUp.signal()
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(ended == 16)
  }

  @Test("the thread ends when it is stopped")
  func stop() async throws {
    let executor = try ThreadExecutor.start()
    let thread = await Probe(executor).thread
    executor.stop()
    let deadline = ContinuousClock.now + .seconds(10)
    while entries(of: "/proc/self/task").contains("\(thread)"), .now < deadline {
      try await Task.sleep(for: .milliseconds(1))
    }
    #expect(!entries(of: "/proc/self/task").contains("\(thread)"))
  }
}

private actor Probe {
  private let executor: ThreadExecutor

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(_ executor: ThreadExecutor) {
    self.executor = executor
  }

  var thread: CInt { clinux_thread_id() }

  func threadsAround(_ body: @Sendable () async -> Void) async -> (CInt, CInt) {
    let before = clinux_thread_id()
    await body()
    return (before, clinux_thread_id())
  }

  func waitAndPassOn(_ wakeUp: WakeUp) -> Bool {
    defer { wakeUp.signal() }
    // A wait that fails is a failed test.
    return (try? wakeUp.wait(for: .seconds(30))) ?? false
  }
}
