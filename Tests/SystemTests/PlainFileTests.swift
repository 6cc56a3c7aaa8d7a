import CLinux
import Glibc
import System
import SystemPackage
import TestKit
import Testing

struct PlainFileTests {
  @Test("a file has the mode that was asked for, whatever the umask is, and its folder 0755", arguments: [0, 0o777])
  func mode(mask: mode_t) async {
    await #expect(processExitsWith: .success) { [mask] in
      umask(mask)
      let folder = try TemporaryFolder()
      try makeFolder("\(folder.path)/folder")
      let path = "\(folder.path)/file"
      for _ in 0..<2 { try PlainFile.write(Array("secret".utf8), to: path, mode: 0o600) }
      var status = stat()
      try #require(stat(path, &status) == 0)
      try #require(status.st_mode & 0o7777 == 0o600)
      try #require(stat("\(folder.path)/folder", &status) == 0)
      try #require(status.st_mode & 0o7777 == 0o755)
    }
  }

  @Test("the content of an existing file is replaced, however long it was")
  func replacement() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/file"
    try PlainFile.write(Array("longer".utf8), to: path, mode: 0o600)
    try PlainFile.write(Array("new".utf8), to: path, mode: 0o600)
    #expect(try readFile(path, limit: 10) == Array("new".utf8))
    #expect(folder.names == ["file"])
  }

  @Test("a symbolic link is not followed")
  func link() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/link"
    symlink("\(folder.path)/target", path)
    #expect(throws: SystemError("open", path, .tooManySymbolicLinkLevels)) {
      try PlainFile.write([1], to: path, mode: 0o600)
    }
    #expect(folder.names == ["link"])
  }

  @Test("a write that stops half way leaves nothing")
  func writeFails() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let path = "\(folder.path)/file"
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 1000, rlim_max: .max)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      let error = #expect(throws: SystemError.self) {
        try PlainFile.write(Array(repeating: 1, count: 2000), to: path, mode: 0o600)
      }
      limit.rlim_cur = .max
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      try #require(error == SystemError("write", path, .fileTooLarge))
      try #require(folder.names == [])
    }
  }
}
