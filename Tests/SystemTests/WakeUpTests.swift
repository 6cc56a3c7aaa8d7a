import System
import Testing

@Suite(.timeLimit(.minutes(1))) struct WakeUpTests {
  @Test("a signal is kept until somebody waits, and several count as one")
  func kept() throws {
    let wakeUp = try WakeUp()
    for _ in 0..<3 { wakeUp.signal() }
    #expect(try wakeUp.wait(for: .seconds(10)))
    #expect(try !wakeUp.wait(for: .zero))
  }

  @Test("a wait without a limit lasts until another thread signals")
  func otherThread() async throws {
    let wakeUp = try WakeUp()
    async let isSignalled = onDedicatedThread { () throws(SystemError) in try wakeUp.wait() }
    wakeUp.signal()
    #expect(try await isSignalled)
  }
}
