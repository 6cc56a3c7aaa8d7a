import System
import SystemPackage
import Testing

struct SystemErrorTests {
  @Test("an error says call, object, name and number")
  func description() {
    let error = SystemError("setns", "/run/netns/x", .notPermitted)
    #expect(error.description == "setns(/run/netns/x) = EPERM (1)")
  }

  @Test(
    "an error number has the name of the header",
    arguments: [
      (Errno.noSuchFileOrDirectory, "ENOENT"), (.wouldBlock, "EAGAIN"), (Errno(rawValue: 4095), "errno 4095"),
    ])
  func name(_ errno: Errno, _ name: String) {
    #expect(errno.name == name)
  }
}
