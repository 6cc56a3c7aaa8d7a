import CLinux
import Glibc
import System
import SystemPackage
import TestKit
import Testing

struct NetworkNamespaceTests {
  @Test("the same namespace has the same identity by every path")
  func identity() throws {
    let current = try NetworkNamespace.current()
    #expect(try NetworkNamespace.open("/proc/self/ns/net").identity == current.identity)
  }

  @Test(
    "what is no network namespace is EINVAL",
    arguments: ["/dev/null", "/proc/self/status", "/tmp", "/proc/self/ns/mnt", "/proc/self/ns/user"])
  func otherFile(_ path: String) {
    #expect(throws: SystemError("NS_GET_NSTYPE", path, .invalidArgument)) { _ = try NetworkNamespace.open(path) }
  }

  @Test("a FIFO that nobody writes to is EINVAL at once")
  func fifo() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/fifo"
    try #require(mkfifo(path, 0o600) == 0)
    #expect(throws: SystemError("NS_GET_NSTYPE", path, .invalidArgument)) { _ = try NetworkNamespace.open(path) }
  }

  @Test("a path that is not there is ENOENT")
  func missing() {
    #expect(throws: SystemError("open", "/run/netns/none", .noSuchFileOrDirectory)) {
      _ = try NetworkNamespace.open("/run/netns/none")
    }
  }
}
