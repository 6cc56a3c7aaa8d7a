import System
import Testing

@Suite
struct CurrentProcessTests {
  @Test("the pages of the program can be let go of while it runs")
  func release() throws {
    try CurrentProcess.releaseProgramPages()
    #expect(CurrentProcess.environment["PATH"] != nil)
  }
}
