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
    for (name, value) in environment {
      #expect(getenv(name).map { String(cString: $0) } == value, "\(name)")
    }
  }
}
