import CLinux
import Glibc
import System
import SystemPackage
import Testing

struct DedicatedThreadTests {
  @Test("the body runs on another thread and its result comes back")
  func result() throws {
    let caller = clinux_thread_id()
    let other = try onDedicatedThread { () throws(SystemError) in clinux_thread_id() }
    #expect(other != caller)
  }

  @Test("what the body throws comes back")
  func failure() {
    let failure = SystemError("body", "object", .ioError)
    #expect(throws: failure) {
      try onDedicatedThread { () throws(SystemError) -> Int in throw failure }
    }
  }

  @Test("an owner can be handed out")
  func owner() throws {
    let pipe = try onDedicatedThread { () throws(SystemError) in try OwnedDescriptor.pipe() }
    try pipe.writer.writeAll([5])
    #expect(try pipe.reader.read(1) == [5])
  }

  @Test("no thread is left when the call returns")
  func joined() async {
    await #expect(processExitsWith: .success) {
      let thread = try onDedicatedThread { () throws(SystemError) in clinux_thread_id() }
      try #require(!entries(of: "/proc/self/task").contains("\(thread)"))
    }
  }
}
