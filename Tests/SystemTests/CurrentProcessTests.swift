import Glibc
import System
import Testing

@Suite
struct CurrentProcessTests {
  @Test("the pages of the program can be let go of while it runs")
  func release() throws {
    try CurrentProcess.releaseProgramPages()
    #expect(CurrentProcess.environment["PATH"] != nil)
  }

  @Test("each variable of the environment is what `getenv` says")
  func environment() {
    let environment = CurrentProcess.environment
    #expect(!environment.isEmpty)
    // Names alone: values may be nobody's business.
    let wrong = environment.filter { name, value in getenv(name).map { String(cString: $0) } != value }.keys.sorted()
    #expect(wrong == [])
  }
}
