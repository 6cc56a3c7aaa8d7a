import CNI
import Glibc
import MeshPod
import System
import SystemPackage
import TestKit
import Testing

@Suite struct AttachmentRecordsTests {
  static let key = AttachmentRecords.Key(network: "mesh", containerID: "c0ffee", interfaceName: "eth0")
  static let bytes = AttachmentRecordTests.record().serialized()

  static func key(_ network: String, _ interface: String, _ container: String) -> AttachmentRecords.Key {
    AttachmentRecords.Key(network: network, containerID: container, interfaceName: interface)
  }

  @Test("a record is where it belongs, and is read, replaced and removed")
  func life() throws {
    let folder = try TemporaryFolder()
    let records = AttachmentRecords(RunDirectory(folder.path))
    #expect(records.read(Self.key) == .nothing)
    for _ in 0..<2 { try records.write(Self.bytes, at: Self.key) }
    #expect(folder.files == ["attachments/mesh/eth0/c0ffee"])
    #expect(records.read(Self.key) == .record(AttachmentRecordTests.record()))
    #expect(try records.remove(Self.key))
    #expect(try !records.remove(Self.key))
    #expect(records.read(Self.key) == .nothing)
    // The folders stay.
    #expect(folder.files == ["attachments/mesh/eth0"])
  }

  @Test("all records are listed, and nothing that is none")
  func all() throws {
    let folder = try TemporaryFolder()
    let records = AttachmentRecords(RunDirectory(folder.path))
    #expect(try records.all().isEmpty)
    for key in [Self.key("mesh", "net1", "b"), Self.key("mesh", "eth0", "a"), Self.key("other", "eth0", "a")] {
      try records.write(Self.bytes, at: key)
    }
    try records.write(Array("{".utf8), at: Self.key("mesh", "eth0", "broken"))
    let all = try records.all()
    #expect(
      all.map(\.key) == [Self.key("mesh", "eth0", "a"), Self.key("mesh", "net1", "b"), Self.key("other", "eth0", "a")])
    #expect(all.allSatisfy { $0.record == AttachmentRecordTests.record() })
  }

  @Test("the longest container id is a file's name")
  func longName() throws {
    let folder = try TemporaryFolder()
    let records = AttachmentRecords(RunDirectory(folder.path))
    let key = Self.key("mesh", "fifteen-bytes-x", String(repeating: "a", count: 250))
    try records.write(Self.bytes, at: key)
    #expect(records.read(key) == .record(AttachmentRecordTests.record()))
  }

  @Test("modes are what they are to be, whatever the umask is", arguments: [0, 0o777])
  func modes(mask: mode_t) async {
    await #expect(processExitsWith: .success) { [mask] in
      umask(mask)
      let folder = try TemporaryFolder()
      try AttachmentRecords(RunDirectory(folder.path)).write(
        AttachmentRecordsTests.bytes, at: AttachmentRecordsTests.key)
      let paths = ["attachments", "attachments/mesh", "attachments/mesh/eth0", "attachments/mesh/eth0/c0ffee"]
      let outcome = try runChild(
        "/usr/bin/stat", arguments: ["--format", "%a"] + paths.map { "\(folder.path)/\($0)" }, environment: [:],
        timeLimit: .seconds(20))
      try #require(String(decoding: outcome.standardOutput, as: UTF8.self) == "755\n755\n755\n600\n")
    }
  }

  @Test(
    "what a process that was killed leaves, and what others put there, is no record",
    arguments: ["", "{", "{}", "[]", "text"])
  func unusable(text: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(text, to: "attachments/mesh/eth0/c0ffee")
    let path = "\(folder.path)/attachments/mesh/eth0/c0ffee"
    #expect(
      AttachmentRecords(RunDirectory(folder.path)).read(Self.key)
        == .unusable("\(path) holds no record that this version can read"))
  }

  @Test("a folder in a record's place is no record")
  func folderInPlace() throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: "attachments/mesh/eth0/c0ffee/x")
    let path = "\(folder.path)/attachments/mesh/eth0/c0ffee"
    let records = AttachmentRecords(RunDirectory(folder.path))
    #expect(records.read(Self.key) == .unusable("read(\(path)) = EISDIR (21)"))
    #expect(throws: SystemError("open", path, .isDirectory)) { try records.write(Self.bytes, at: Self.key) }
  }

  @Test("without the agent's folder there is nothing to read, and nowhere to write")
  func noRunDirectory() throws {
    let records = AttachmentRecords(RunDirectory("/nonexistent/run"))
    #expect(records.read(Self.key) == .nothing)
    #expect(try records.others(of: Self.key) == [])
    #expect(try !records.remove(Self.key))
    #expect(records.prune("mesh", keeping: []).removed == 0)
    #expect(throws: SystemError("mkdir", "/nonexistent/run/attachments", .noSuchFileOrDirectory)) {
      try records.write(Self.bytes, at: Self.key)
    }
  }

  @Test("other attachments are those of the same container, in any network")
  func others() throws {
    let folder = try TemporaryFolder()
    let records = AttachmentRecords(RunDirectory(folder.path))
    let others = [Self.key("mesh", "net1", "c0ffee"), Self.key("storage", "eth0", "c0ffee")]
    for key in [Self.key, Self.key("mesh", "eth0", "c0ffee1"), Self.key("mesh", "net2", "c0ffe")] + others {
      try records.write(Self.bytes, at: key)
    }
    try folder.write("", to: "attachments/file")
    #expect(Set(try records.others(of: Self.key)) == Set(others))
    #expect(try records.others(of: Self.key("mesh", "eth0", "c0ffee1")) == [])
  }

  @Test("what is no longer valid goes, in this network only; what no ADD has written stays")
  func prune() throws {
    let folder = try TemporaryFolder()
    let records = AttachmentRecords(RunDirectory(folder.path))
    for key in [
      Self.key, Self.key("mesh", "net1", "c0ffee"), Self.key("mesh", "eth0", "gone"), Self.key("other", "eth0", "gone"),
    ] {
      try records.write(Self.bytes, at: key)
    }
    let foreign = ["mesh/eth0/.hidden", "mesh/eth0/with space", "mesh/eth0/folder/x", "mesh/file", "mesh/a:b/gone"]
    for name in foreign { try folder.write("", to: "attachments/\(name)") }
    let result = records.prune("mesh", keeping: [Self.key.attachment])
    #expect(result.removed == 2)
    #expect(result.failures == [])
    #expect(
      folder.files.map { String($0.dropFirst("attachments/".count)) }
        == (foreign + ["mesh/eth0/c0ffee", "mesh/net1", "other/eth0/gone"]).sorted())
    #expect(records.prune("mesh", keeping: [Self.key.attachment]).removed == 0)
  }
}
