import System
import SystemPackage
import TestKit
import Testing

struct FileNamesTests {
  @Test("a new name must be free")
  func newName() throws {
    let folder = try TemporaryFolder()
    let (path, other) = ("\(folder.path)/a", "\(folder.path)/b")
    try AtomicFile.write([1], to: path, mode: 0o600)
    try AtomicFile.write([2], to: other, mode: 0o600)
    #expect(throws: SystemError("renameat2", other, .fileExists)) { try renameFile(path, toNew: other) }
    #expect(throws: SystemError("link", other, .fileExists)) { try linkFile(path, to: other) }
    #expect(throws: SystemError("symlink", other, .fileExists)) { try makeLink(other, to: path) }
    try renameFile(path, to: other)
    try renameFile(other, toNew: path)
    #expect(folder.names == ["a"])
    #expect(try readFile(path, limit: 2) == [1])
  }

  @Test("two files exchange their names, and a missing one is named")
  func exchange() throws {
    let folder = try TemporaryFolder()
    let (path, other) = ("\(folder.path)/a", "\(folder.path)/b")
    try AtomicFile.write([1], to: path, mode: 0o600)
    #expect(throws: SystemError("renameat2", other, .noSuchFileOrDirectory)) { try exchangeFiles(path, other) }
    try AtomicFile.write([2], to: other, mode: 0o600)
    try exchangeFiles(path, other)
    #expect(try readFile(path, limit: 2) == [2])
    #expect(try readFile(other, limit: 2) == [1])
  }

  @Test("a link gets a second name as a link")
  func linkToLink() throws {
    let folder = try TemporaryFolder()
    let (path, other) = ("\(folder.path)/a", "\(folder.path)/b")
    try makeLink(path, to: "nowhere")
    try linkFile(path, to: other)
    #expect(isLink(other))
    #expect(!isLink(folder.path))
    #expect(try readLink(other) == "nowhere")
  }

  @Test("a folder is brought to the disk, and a missing one is named")
  func synchronize() throws {
    let folder = try TemporaryFolder()
    try synchronizeFolder(folder.path)
    #expect(throws: SystemError("open", "\(folder.path)/a", .noSuchFileOrDirectory)) {
      try synchronizeFolder("\(folder.path)/a")
    }
  }

  @Test(
    "a path has a folder and a name",
    arguments: [("/a/b", "/a", "b"), ("/a", "/", "a"), ("a", ".", "a"), ("a/b", "a", "b")])
  func parts(path: String, folder: String, name: String) {
    #expect(System.folder(of: path) == folder)
    #expect(fileName(of: path) == name)
  }

  @Test("a temporary name is hidden and ends in thirteen letters and digits", arguments: [0, 35, UInt64.max])
  func temporary(number: UInt64) {
    let path = temporaryPath(for: "/a/b.conf", number: number)
    #expect(path.hasPrefix("/a/.b.conf."))
    #expect(path.utf8.count == "/a/.b.conf.".utf8.count + 13)
    #expect(UInt64(path.suffix(13), radix: 36) == number)
  }
}
