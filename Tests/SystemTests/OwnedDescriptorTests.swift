import CLinux
import Glibc
import System
import SystemPackage
import TestKit
import Testing

struct OwnedDescriptorTests {
  @Test("descriptors end with their owner, by close, and live on after take")
  func ownership() async {
    await #expect(processExitsWith: .success) {
      let before = openDescriptorCount()
      do {
        let file = try OwnedDescriptor.open("/dev/null", O_RDONLY)
        try #require(openDescriptorCount() == before + 1)
        try file.close()
        try #require(openDescriptorCount() == before)
        _ = try OwnedDescriptor.pipe()
        try #require(openDescriptorCount() == before)
      }
      let taken = try OwnedDescriptor.open("/dev/null", O_RDONLY).take()
      try #require(openDescriptorCount() == before + 1)
      close(taken)
      try #require(openDescriptorCount() == before)
    }
  }

  @Test("failures of every function leave no descriptor behind")
  func leaks() async {
    await #expect(processExitsWith: .success) {
      let before = openDescriptorCount()
      for _ in 0..<20 {
        _ = try? readFile("/proc/self/status", limit: 3)
        _ = try? NetworkNamespace.open("/proc/self/ns/mnt")
        _ = try? NetworkNamespace.open("/dev/null")
        _ = try? NetworkNamespace.current()
        _ = try? NetworkNamespace.create()
        _ = try? MountNamespace.create()
        _ = try? AtomicFile.write([1], to: "/proc/nothing/here", mode: 0o600)
        _ = try? runChild("/nonexistent", arguments: [], environment: [:], timeLimit: .seconds(1))
        _ = try? runChild("/bin/sleep", arguments: ["9"], environment: [:], timeLimit: .milliseconds(5))
        _ = try? runChild("/bin/cat", arguments: [], environment: [:], standardInput: [1], timeLimit: .seconds(9))
      }
      try #require(openDescriptorCount() == before)
    }
  }

  @Test("descriptors are closed on exec")
  func closedOnExec() throws {
    let file = try OwnedDescriptor.open("/dev/null", O_RDONLY)
    let pipe = try OwnedDescriptor.pipe()
    for descriptor in [file.withRawValue { $0 }, pipe.reader.withRawValue { $0 }, pipe.writer.withRawValue { $0 }] {
      #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }
  }

  @Test("what was written to a pipe is read from it")
  func pipe() throws {
    let pipe = try OwnedDescriptor.pipe()
    try pipe.writer.writeAll(Array("hello".utf8))
    #expect(try pipe.reader.read(3) == Array("hel".utf8))
    #expect(try pipe.reader.read(30) == Array("lo".utf8))
  }

  @Test("a file of exactly the limit is read, a longer one is EFBIG")
  func limit() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/file"
    try AtomicFile.write(Array(repeating: 7, count: 200_000), to: path, mode: 0o600)
    #expect(try readFile(path, limit: 200_000).count == 200_000)
    #expect(throws: SystemError("read", path, .fileTooLarge)) { try readFile(path, limit: 199_999) }
  }

  @Test("a missing file is named in the error")
  func missing() {
    #expect(throws: SystemError("open", "/nonexistent/file", .noSuchFileOrDirectory)) {
      try readFile("/nonexistent/file", limit: 1)
    }
  }
}
