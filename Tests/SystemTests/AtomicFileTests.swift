import CLinux
import Glibc
import System
import SystemPackage
import TestKit
import Testing

struct AtomicFileTests {
  @Test("a file is made with the mode that was asked for, whatever the umask is")
  func mode() async {
    await #expect(processExitsWith: .success) {
      umask(0o777)
      let folder = try TemporaryFolder()
      chmod(folder.path, 0o700)
      let path = "\(folder.path)/file"
      try AtomicFile.write(Array("secret".utf8), to: path, mode: 0o640)
      var status = stat()
      try #require(stat(path, &status) == 0)
      try #require(status.st_mode & 0o7777 == 0o640)
    }
  }

  @Test("an existing file is replaced, not written to: who has it open keeps the old content")
  func replacement() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/file"
    try AtomicFile.write(Array("old".utf8), to: path, mode: 0o600)
    let reader = try OwnedDescriptor.open(path, O_RDONLY)
    try AtomicFile.write(Array("new".utf8), to: path, mode: 0o600)
    #expect(try reader.readAll(limit: 10) == Array("old".utf8))
    #expect(try readFile(path, limit: 10) == Array("new".utf8))
    #expect(folder.names == ["file"])
  }

  @Test("a folder that is not there is named in the error")
  func missingFolder() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/missing"
    #expect(throws: SystemError("open", path, .noSuchFileOrDirectory)) {
      try AtomicFile.write([1], to: "\(path)/file", mode: 0o600)
    }
  }

  @Test("a name that cannot be taken leaves no temporary file")
  func renameFails() throws {
    let folder = try TemporaryFolder()
    try makeFolder("\(folder.path)/taken")
    #expect(throws: SystemError("rename", "\(folder.path)/taken", .isDirectory)) {
      try AtomicFile.write([1], to: "\(folder.path)/taken", mode: 0o600)
    }
    #expect(folder.names == ["taken"])
  }

  @Test("a write that stops half way leaves the old file and no temporary one")
  func writeFails() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let path = "\(folder.path)/file"
      try AtomicFile.write(Array("old".utf8), to: path, mode: 0o600)
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 1000, rlim_max: .max)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      let error = #expect(throws: SystemError.self) {
        try AtomicFile.write(Array(repeating: 1, count: 2000), to: path, mode: 0o600)
      }
      limit.rlim_cur = .max
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      try #require(error?.errno == .fileTooLarge)
      try #require(error?.operation == "write")
      try #require(try readFile(path, limit: 10) == Array("old".utf8))
      try #require(folder.names == ["file"])
    }
  }

  @Test("a reader at any time finds one content or the other, whole")
  func concurrentReader() async throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/file"
    let contents = [UInt8(1), 2].map { Array(repeating: $0, count: 10_000) }
    try AtomicFile.write(contents[0], to: path, mode: 0o600)
    try await withThrowingTaskGroup { group in
      group.addTask {
        for round in 0..<50 { try AtomicFile.write(contents[round % 2], to: path, mode: 0o600) }
      }
      group.addTask {
        for _ in 0..<500 { try #expect(contents.contains(readFile(path, limit: 20_000))) }
      }
      try await group.waitForAll()
    }
  }
}
