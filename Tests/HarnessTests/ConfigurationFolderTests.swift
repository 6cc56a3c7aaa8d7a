import Glibc
import Harness
import JSON
import System
import SystemPackage
import Testing

@Suite
struct ConfigurationFolderTests {
  static func list(_ name: String) -> String { #"{"name": "\#(name)", "plugins": [{"type": "t"}]}"# }

  @Test("of the files with the right endings, the first in the order of their names is used")
  func first() throws {
    let folder = [
      "20-b.conflist": Self.list("b"), "10-a.conflist": Self.list("a"), "00-z.conflist.bak": Self.list("z"),
      "sub/00.conflist": Self.list("sub"), "README": "",
    ].folder
    #expect(try folder.list().name == "a")
  }

  @Test("capitals come before small letters, as in the order of bytes")
  func order() throws {
    #expect(try ["a.conflist": Self.list("a"), "B.conflist": Self.list("B")].folder.list().name == "B")
  }

  @Test("a file that is broken is passed over")
  func broken() throws {
    let folder = ["10-a.conflist": "{", "15.conf": #"{"name": "no type"}"#, "20-b.conflist": Self.list("b")].folder
    #expect(try folder.list().name == "b")
  }

  @Test("when none loads, the first one's error is told")
  func allBroken() {
    let error = #expect(throws: NetworkListError.self) {
      try ["2.conflist": "[]", "1.json": #"{"type": "t"}"#].folder.list()
    }
    #expect(error?.description == "1.json: name: missing")
  }

  @Test("without any file there is no network")
  func empty() {
    let error = #expect(throws: NetworkListError.self) { try ConfigurationFolder(files: [:]).list() }
    #expect(error?.description == "the folder: has no network configuration")
  }

  @Test("a lone plugin becomes a list of one, in which its keys for lists do nothing")
  func lonePlugin() throws {
    let text = #"{"cniVersion": "0.4.0", "name": "n", "type": "t", "disableCheck": true, "cniVersions": ["1.0.0"]}"#
    let list = try ["1.conf": text, "n/2.conf": #"{"type": "other"}"#].folder.list()
    #expect(
      list
        == NetworkList(
          name: "n", version: "0.4.0", plugins: [try #require(try JSONValue(parsing: Array(text.utf8)).object)]))
  }

  @Test("a plugin of the network's folder is named with its path when it is broken")
  func brokenPlugin() {
    let error = #expect(throws: NetworkListError.self) {
      try ["1.conflist": Self.list("n"), "n/1.conf": "{}"].folder.list()
    }
    #expect(error?.description == "n/1.conf: type: missing")
  }

  @Test("a folder is read with its subfolders; one that is not there is empty")
  func reading() throws {
    let path = "/tmp/harness-tests-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    #expect(try ConfigurationFolder(reading: path) == ConfigurationFolder(files: [:]))
    let files = ["1.conflist": "one", "n/2.conf": "two"]
    try makeFolder(path)
    try makeFolder("\(path)/n")
    defer {
      for name in ["1.conflist", "n/2.conf", "notes"] { unlink("\(path)/\(name)") }
      rmdir("\(path)/n")
      rmdir(path)
    }
    for (name, text) in files { try AtomicFile.write(Array(text.utf8), to: "\(path)/\(name)", mode: 0o644) }
    try AtomicFile.write([], to: "\(path)/notes", mode: 0o644)
    #expect(try ConfigurationFolder(reading: path) == files.folder)
    #expect(throws: SystemError("open", "\(path)/notes", .notDirectory)) {
      try ConfigurationFolder(reading: "\(path)/notes")
    }
  }
}
