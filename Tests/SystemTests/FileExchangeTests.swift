import CLinux
import Glibc
import System
import SystemPackage
import TestKit
import Testing

struct FileExchangeTests {
  static let old = Array("old".utf8)
  static let new = Array("new".utf8)
  static let others = Array("another's".utf8)

  /// A folder with a file, and what is to take its place.
  struct Scene: ~Copyable {
    let folder: TemporaryFolder
    var path: String { "\(folder.path)/file" }
    var temporary: String { "\(folder.path)/.file.0" }

    init() throws(SystemError) {
      let folder = try TemporaryFolder()
      try AtomicFile.write(old, to: "\(folder.path)/file", mode: 0o640)
      try NewFile.make("\(folder.path)/.file.0", new, mode: 0o640)
      self.folder = folder
    }

    var content: [UInt8] { get throws(SystemError) { try readFile(path, limit: 100) } }
  }

  /// An exchange during which `action` happens once, at `moment`.
  static func exchange(
    _ isPossible: Bool, at moment: FileExchange.Moment, _ action: @escaping @Sendable (String) throws -> Void
  ) -> FileExchange {
    let isDone = Flag()
    return FileExchange(isExchangePossible: isPossible) { now, path in
      guard now == moment, isDone.raise() else { return }
      #expect(throws: Never.self) { try action(path) }
    }
  }

  @Test("the new file takes the name, and the very old one gets the other", arguments: [true, false])
  func exchange(isPossible: Bool) throws {
    let scene = try Scene()
    let identity = try FileIdentity(of: scene.path)
    let outcome = try FileExchange(isExchangePossible: isPossible).place(
      scene.temporary, at: scene.path, insteadOf: Self.old)
    #expect(outcome == .done)
    #expect(try scene.content == Self.new)
    let displaced = try FileIdentity(of: scene.temporary)
    #expect(displaced.inode == identity.inode)
    #expect(displaced.modified == identity.modified)
    #expect(try readFile(scene.temporary, limit: 10) == Self.old)
    #expect(scene.folder.names == [".file.0", "file"])
  }

  @Test("a file that another has put there since it was read stays, and the new one goes", arguments: [true, false])
  func changedBefore(isPossible: Bool) throws {
    let scene = try Scene()
    try AtomicFile.write(Self.others, to: scene.path, mode: 0o600)
    let identity = try FileIdentity(of: scene.path)
    let outcome = try FileExchange(isExchangePossible: isPossible).place(
      scene.temporary, at: scene.path, insteadOf: Self.old)
    #expect(outcome == .changed)
    #expect(try scene.content == Self.others)
    #expect(try FileIdentity(of: scene.path).inode == identity.inode)
    #expect(scene.folder.names == ["file"])
  }

  @Test("what is written to the file after it was read stays", arguments: [true, false])
  func writtenInPlaceBefore(isPossible: Bool) throws {
    let scene = try Scene()
    let outcome = try Self.exchange(isPossible, at: .prepared) { path in
      try PlainFile.write(Self.others, to: path, mode: 0o640)
    }.place(scene.temporary, at: scene.path, insteadOf: Self.old)
    #expect(outcome == .changed)
    #expect(try scene.content == Self.others)
    #expect(scene.folder.names == ["file"])
  }

  @Test("of two writers that come in between, before and after the exchange, the last one has the name")
  func twoWriters() throws {
    let scene = try Scene()
    try AtomicFile.write(Self.others, to: scene.path, mode: 0o600)
    let last = Array("the last".utf8)
    let outcome = try Self.exchange(true, at: .exchanged) { path in
      try AtomicFile.write(last, to: path, mode: 0o600)
    }.place(scene.temporary, at: scene.path, insteadOf: Self.old)
    #expect(outcome == .changed)
    #expect(try scene.content == last)
    #expect(scene.folder.names == ["file"])
  }

  @Test("a writer that comes right after a good exchange has the name, and the old file is still told from it")
  func writerAfterwards() throws {
    let scene = try Scene()
    let outcome = try Self.exchange(true, at: .exchanged) { path in
      try AtomicFile.write(Self.others, to: path, mode: 0o600)
    }.place(scene.temporary, at: scene.path, insteadOf: Self.old)
    #expect(outcome == .done)
    #expect(try scene.content == Self.others)
    #expect(try readFile(scene.temporary, limit: 10) == Self.old)
  }

  @Test("a file that somebody has open to write stays, since what he is about to write would be lost")
  func openForWriting() throws {
    let scene = try Scene()
    let writer = try OwnedDescriptor.open(scene.path, O_WRONLY)
    let exchange = FileExchange()
    #expect(try exchange.place(scene.temporary, at: scene.path, insteadOf: Self.old) == .changed)
    try writer.writeAll(Array("own".utf8))
    #expect(try scene.content == Array("own".utf8))
    try writer.close()
    try NewFile.make(scene.temporary, Self.new, mode: 0o640)
    #expect(try exchange.place(scene.temporary, at: scene.path, insteadOf: Array("own".utf8)) == .done)
  }

  @Test("a file that is gone stays so", arguments: [true, false])
  func goneBefore(isPossible: Bool) throws {
    let scene = try Scene()
    try removeFile(scene.path)
    let outcome = try FileExchange(isExchangePossible: isPossible).place(
      scene.temporary, at: scene.path, insteadOf: Self.old)
    #expect(outcome == .changed)
    #expect(scene.folder.names == [])
  }

  @Test("a file whose change is to be given back, and that is gone by then, stays so")
  func goneMeanwhile() throws {
    let scene = try Scene()
    try AtomicFile.write(Self.others, to: scene.path, mode: 0o600)
    let outcome = try Self.exchange(true, at: .exchanged) { try removeFile($0) }.place(
      scene.temporary, at: scene.path, insteadOf: Self.old)
    #expect(outcome == .changed)
    #expect(scene.folder.names == [])
  }

  @Test("a link changes places as a link, compared by what it leads to", arguments: [true, false])
  func link(isPossible: Bool) throws {
    let scene = try Scene()
    try renameFile(scene.path, to: "\(scene.folder.path)/target")
    try makeLink(scene.path, to: "target")
    let outcome = try FileExchange(isExchangePossible: isPossible).place(
      scene.temporary, at: scene.path, insteadOf: Self.old)
    #expect(outcome == .done)
    #expect(!isLink(scene.path))
    #expect(try readLink(scene.temporary) == "target")
    #expect(try readFile("\(scene.folder.path)/target", limit: 10) == Self.old)
  }

  @Test("what cannot be exchanged is named, and no temporary file stays", arguments: [true, false])
  func folderInPlace(isPossible: Bool) throws {
    let scene = try Scene()
    try removeFile(scene.path)
    try makeFolder(scene.path)
    // The kernel exchanges a file and a folder as well; then the folder is found to be another thing, and given back.
    if isPossible {
      #expect(try FileExchange().place(scene.temporary, at: scene.path, insteadOf: Self.old) == .changed)
    } else {
      #expect(
        try FileExchange(isExchangePossible: false).place(scene.temporary, at: scene.path, insteadOf: Self.old)
          == .changed)
    }
    #expect(isFolder(scene.path))
    #expect(scene.folder.names == ["file"])
  }

  @Test("at no moment is the file missing or anything but one of the contents", arguments: [true, false])
  func neverMissing(isPossible: Bool) throws {
    let scene = try Scene()
    let path = scene.path
    let isOver = Flag()
    let reader = Beside {
      while !isOver.isRaised {
        let content = try readFile(path, limit: 100)
        try #require(content == Self.old || content == Self.new)
      }
    }
    for round in 0..<300 {
      let (from, to) = round.isMultiple(of: 2) ? (Self.old, Self.new) : (Self.new, Self.old)
      let temporary = "\(scene.folder.path)/.file.1"
      // A child that another test starts has what is open here for an instant, until it becomes another program.
      var outcome = FileExchange.Outcome.changed
      for _ in 0..<20 where outcome == .changed {
        try NewFile.make(temporary, to, mode: 0o600)
        outcome = try FileExchange(isExchangePossible: isPossible).place(temporary, at: path, insteadOf: from)
      }
      try #require(outcome == .done)
      try removeFile(temporary)
    }
    isOver.raise()
    try reader.finish()
  }

  @Test("of a writer that renames as fast as it can nothing is lost", .timeLimit(.minutes(1)))
  func fastWriter() throws {
    let scene = try Scene()
    let path = scene.path
    let folder = scene.folder.path
    try removeFile(scene.temporary)
    let writer = Beside {
      for number in 0..<5000 {
        try PlainFile.write(Array("\(number)".utf8), to: "\(folder)/writer", mode: 0o600)
        try renameFile("\(folder)/writer", to: path)
      }
    }
    while !writer.isOver {
      let read = try readFile(path, limit: 100)
      if read.last == UInt8(ascii: "+") { continue }
      let temporary = "\(folder)/.file.1"
      try NewFile.make(temporary, read + [UInt8(ascii: "+")], mode: 0o600)
      if try FileExchange().place(temporary, at: path, insteadOf: read) == .done { try removeFile(temporary) }
    }
    try writer.finish()
    let last = try String(decoding: scene.content, as: UTF8.self)
    #expect(["4999", "4999+"].contains(last))
    #expect(scene.folder.names == ["file"])
  }

  // MARK: Taking away

  @Test("a file is taken away if it is still as it was")
  func takeAway() throws {
    let scene = try Scene()
    let other = "\(scene.folder.path)/.file.1"
    let identity = try FileIdentity(of: scene.path)
    #expect(try FileExchange().takeAway(scene.path, to: other, ifStill: Self.old) == .done)
    #expect(try FileIdentity(of: other).inode == identity.inode)
    #expect(scene.folder.names == [".file.0", ".file.1"])
  }

  @Test("a file that another has written stays")
  func takeAwayChanged() throws {
    let scene = try Scene()
    try AtomicFile.write(Self.others, to: scene.path, mode: 0o600)
    #expect(
      try FileExchange().takeAway(scene.path, to: "\(scene.folder.path)/.file.1", ifStill: Self.old) == .changed)
    #expect(try scene.content == Self.others)
    #expect(scene.folder.names == [".file.0", "file"])
  }

  @Test("a file that was written twice stays as it was written last")
  func takeAwayChangedTwice() throws {
    let scene = try Scene()
    try AtomicFile.write(Self.others, to: scene.path, mode: 0o600)
    let outcome = try Self.exchange(true, at: .exchanged) { path in
      try AtomicFile.write(Array("the last".utf8), to: path, mode: 0o600)
    }.takeAway(scene.path, to: "\(scene.folder.path)/.file.1", ifStill: Self.old)
    #expect(outcome == .changed)
    #expect(try scene.content == Array("the last".utf8))
    #expect(scene.folder.names == [".file.0", "file"])
  }

  @Test("a file that is gone has changed")
  func takeAwayGone() throws {
    let scene = try Scene()
    try removeFile(scene.path)
    #expect(
      try FileExchange().takeAway(scene.path, to: "\(scene.folder.path)/.file.1", ifStill: Self.old) == .changed)
  }

  @Test("a name that cannot be had is named")
  func takeAwayFails() throws {
    let scene = try Scene()
    let other = "\(scene.folder.path)/missing/file"
    #expect(try FileExchange().takeAway(scene.path, to: other, ifStill: Self.old) == .changed)
    #expect(throws: SystemError("renameat2", scene.temporary, .fileExists)) {
      try FileExchange().takeAway(scene.path, to: scene.temporary, ifStill: Self.old)
    }
    #expect(try scene.content == Self.old)
  }
}
