import CLinux
import Glibc
import System
import SystemPackage
import TestKit
import Testing

struct FoldersTests {
  @Test("names are listed without those of the folder itself and its parent")
  func listing() throws {
    let folder = try TemporaryFolder()
    #expect(try names(inFolder: folder.path) == [])
    let long = String(repeating: "x", count: 255)
    for name in [".hidden", long] { try PlainFile.write([], to: "\(folder.path)/\(name)", mode: 0o600) }
    #expect(try names(inFolder: folder.path).sorted() == [".hidden", long])
  }

  @Test("only folders are listed, and links to them are none")
  func notFolders() throws {
    let folder = try TemporaryFolder()
    try makeFolder("\(folder.path)/folder")
    symlink("\(folder.path)/folder", "\(folder.path)/link")
    try PlainFile.write([], to: "\(folder.path)/file", mode: 0o600)
    for name in ["link", "file"] {
      #expect(throws: SystemError("open", "\(folder.path)/\(name)", .notDirectory)) {
        try names(inFolder: "\(folder.path)/\(name)")
      }
    }
    #expect(throws: SystemError("open", "\(folder.path)/none", .noSuchFileOrDirectory)) {
      try names(inFolder: "\(folder.path)/none")
    }
  }

  @Test("listing leaves no descriptor behind")
  func leaks() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let before = openDescriptorCount()
      for _ in 0..<20 {
        _ = try names(inFolder: folder.path)
        _ = try? names(inFolder: "/proc/self/status")
        try? requireRoute(to: "127.0.0.1", port: 1)
        try? requireRoute(to: "255.255.255.255", port: 1)
      }
      try #require(openDescriptorCount() == before)
    }
  }

  @Test("what is there exists, be it a link to nowhere, and can be removed once")
  func existence() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/link"
    symlink("nowhere", path)
    #expect(try exists(path))
    #expect(try removeFile(path))
    #expect(try !removeFile(path))
    #expect(try !exists(path))
    #expect(try !exists("/dev/null/x"))
  }

  @Test("a folder is not removed as a file")
  func removesNoFolder() throws {
    let folder = try TemporaryFolder()
    #expect(throws: SystemError("unlink", folder.path, .isDirectory)) { try removeFile(folder.path) }
  }

  @Test("folders are made with those that they are in, once")
  func parents() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/a/b"
    try makeFolders(path)
    try makeFolders(path)
    #expect(isFolder(path))
    #expect(throws: SystemError("rmdir", "\(folder.path)/a", .directoryNotEmpty)) {
      try removeFolder("\(folder.path)/a")
    }
    #expect(try removeFolder(path))
    #expect(try !removeFolder(path))
    try PlainFile.write([], to: path, mode: 0o600)
    #expect(throws: SystemError.self) { try makeFolders("\(path)/c") }
    #expect(try removeFile(path))
  }

  @Test("what can be read is told from what cannot")
  func readable() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/file"
    #expect(throws: SystemError("open", path, .noSuchFileOrDirectory)) { try checkReadable(path) }
    try PlainFile.write([], to: path, mode: 0o600)
    try checkReadable(path)
    #expect(throws: SystemError("open", folder.path, .isDirectory)) { try checkReadable(folder.path) }
  }
}
