import CLinux
import Glibc
import System
import SystemPackage
import TestKit
import Testing

struct NewFileTests {
  static let content = Array("content".utf8)

  @Test("a file gets the mode, owner and time that it is to have")
  func attributes() throws {
    let folder = try TemporaryFolder()
    let template = "\(folder.path)/template"
    try NewFile.make(template, [], mode: 0o600)
    // Only root can give a file away.
    if getuid() == 0 { try #require(chown(template, 65534, 65533) == 0) }
    let like = try FileIdentity(of: template)
    let path = "\(folder.path)/file"
    let time = Duration.seconds(1_700_000_000) + .nanoseconds(123_456_789)
    try NewFile.make(path, Self.content, mode: 0o641, ownedLike: like, modified: time)
    let identity = try FileIdentity(of: path)
    #expect(identity.mode == 0o641)
    #expect(identity.owner == like.owner)
    #expect(identity.group == like.group)
    #expect(identity.modified == time)
    #expect(try readFile(path, limit: 100) == Self.content)
  }

  @Test("the mode is what was asked for, whatever the umask is")
  func umaskDoesNotMatter() async {
    await #expect(processExitsWith: .success) {
      umask(0o777)
      let folder = try TemporaryFolder()
      try NewFile.make("\(folder.path)/file", [1], mode: 0o644)
      try #require(try FileIdentity(of: "\(folder.path)/file").mode == 0o644)
    }
  }

  @Test("a name that is taken stays as it is")
  func taken() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/file"
    try NewFile.make(path, Self.content, mode: 0o600)
    #expect(throws: SystemError("open", path, .fileExists)) { try NewFile.make(path, [1], mode: 0o600) }
    #expect(try readFile(path, limit: 100) == Self.content)
  }

  @Test("a file that cannot be filled, given away or timed is removed")
  func failures() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let path = "\(folder.path)/file"
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 1000, rlim_max: .max)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      let error = #expect(throws: SystemError.self) {
        try NewFile.make(path, Array(repeating: 1, count: 2000), mode: 0o600)
      }
      limit.rlim_cur = .max
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      try #require(error == SystemError("write", path, .fileTooLarge))
      try #require(folder.names == [])
      #expect(throws: SystemError("read", "/", .isDirectory)) { try NewFile.make(path, copyOf: "/", mode: 0o600) }
      try #require(folder.names == [])
    }
  }

  @Test("a copy holds the same, however long it is, and an unreadable source leaves nothing")
  func copy() throws {
    let folder = try TemporaryFolder()
    let (source, copy) = ("\(folder.path)/source", "\(folder.path)/copy")
    for count in [0, 1, 1 << 20, 2_500_001] {
      try AtomicFile.write((0..<count).map { UInt8(truncatingIfNeeded: $0) }, to: source, mode: 0o600)
      try NewFile.make(copy, copyOf: source, mode: 0o755)
      #expect(try haveSameContent(source, copy))
      #expect(try FileIdentity(of: copy).mode == 0o755)
      try removeFile(copy)
    }
    let missing = "\(folder.path)/missing"
    #expect(throws: SystemError("open", missing, .noSuchFileOrDirectory)) {
      try NewFile.make(copy, copyOf: missing, mode: 0o755)
    }
    #expect(folder.names == ["source"])
  }

  @Test(
    "files differ by one byte, wherever it is, or by their length",
    arguments: [0, (1 << 20) - 1, 1 << 20, 1_500_000])
  func difference(position: Int) throws {
    let folder = try TemporaryFolder()
    let (path, other) = ("\(folder.path)/a", "\(folder.path)/b")
    var bytes = [UInt8](repeating: 1, count: 1_500_001)
    try AtomicFile.write(bytes, to: path, mode: 0o600)
    try AtomicFile.write(bytes, to: other, mode: 0o600)
    #expect(try haveSameContent(path, other))
    try AtomicFile.write(Array(bytes[..<position]), to: other, mode: 0o600)
    #expect(try !haveSameContent(path, other))
    bytes[position] = 2
    try AtomicFile.write(bytes, to: other, mode: 0o600)
    #expect(try !haveSameContent(path, other))
  }

  @Test("the file that cannot be read for a comparison is named")
  func unreadable() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/a"
    try AtomicFile.write([1], to: path, mode: 0o600)
    #expect(throws: SystemError("open", "\(folder.path)/b", .noSuchFileOrDirectory)) {
      try haveSameContent(path, "\(folder.path)/b")
    }
    #expect(throws: SystemError("read", "/", .isDirectory)) { try haveSameContent(path, "/") }
  }
}
