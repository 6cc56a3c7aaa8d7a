import CNI
import Glibc
import NodeAgent
import System
import SystemPackage
import TestKit
import Testing

@Suite struct ConfigurationFolderTests {
  static let plugin = #"{"name":"a","type":"bridge"}"#

  @Test("files come in the order of bytes, with what they hold")
  func order() throws {
    let folder = try TemporaryFolder()
    for name in ["b.conf", "A.conf", "10-b.conf", "9-a.conf", "é.conf"] { try folder.write(Self.plugin, to: name) }
    try folder.write("{", to: "10-b.conflist")
    let found = try ConfigurationFolder(path: folder.path)
    #expect(found.entries.map(\.name) == ["10-b.conf", "10-b.conflist", "9-a.conf", "A.conf", "b.conf", "é.conf"])
    #expect(try found["b.conf"]?.content.get().pluginTypes == ["bridge"])
    #expect(throws: ConfigurationFault.self) { try found["10-b.conflist"]?.content.get() }
    #expect(found["b.conf"]?.file.bytes == Array(Self.plugin.utf8))
    #expect(try found["b.conf"]?.file.identity == FileIdentity(of: "\(folder.path)/b.conf"))
  }

  @Test("folders, pipes and other names are told apart")
  func others() throws {
    let folder = try TemporaryFolder()
    try makeFolder("\(folder.path)/net.conf")
    try makeFolder("\(folder.path)/mesh")
    mkfifo("\(folder.path)/pipe.conflist", 0o600)
    for name in ["a.json", "a.conf.bak", "conf"] { try folder.write("", to: name) }
    try folder.write(Self.plugin, to: "10-a.conf.cilium_bak")
    let found = try ConfigurationFolder(path: folder.path)
    #expect(found.entries.isEmpty && found.unreadable.isEmpty)
    #expect(found.folders == ["mesh", "net.conf"])
    #expect(found.others == ["a.conf.bak", "a.json", "conf", "mesh", "net.conf", "pipe.conflist"])
    #expect(found.setAside.map(\.name) == ["10-a.conf.cilium_bak"])
    #expect(try found.setAside.first?.content.get().name == "a")
  }

  @Test("links are followed, and those to nowhere are reported")
  func links() throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.plugin, to: "real/a.conf")
    symlink("real/a.conf", "\(folder.path)/10-link.conf")
    symlink("/nowhere", "\(folder.path)/20-broken.conf")
    symlink(".", "\(folder.path)/again")
    let found = try ConfigurationFolder(path: "\(folder.path)/again")
    #expect(found.entries.map(\.name) == ["10-link.conf"])
    let error = SystemError("stat", "\(folder.path)/again/20-broken.conf", .noSuchFileOrDirectory)
    #expect(found.unreadable == [.init(name: "20-broken.conf", error: error)])
  }

  @Test("a file that is too long to be a configuration is not read")
  func size() throws {
    let folder = try TemporaryFolder()
    try folder.write(String(repeating: " ", count: 4 << 20 + 1), to: "10-long.conf")
    try folder.write(Self.plugin + String(repeating: " ", count: 1 << 20), to: "20-padded.conf")
    let found = try ConfigurationFolder(path: folder.path)
    #expect(found.entries.map(\.name) == ["20-padded.conf"])
    #expect(found.unreadable.map(\.error.errno) == [.fileTooLarge])
  }

  @Test("a folder that is not there is an error")
  func missing() {
    let error = #expect(throws: SystemError.self) { try ConfigurationFolder(path: "/nowhere") }
    #expect(error?.errno == .noSuchFileOrDirectory)
  }

  @Test(
    "only a good configuration of others' alone is an original",
    arguments: [
      (plugin, true), (#"{"name":"a","type":"istio-cni"}"#, false), ("", false), (#"{"type":"a","type":"a"}"#, false),
    ])
  func original(text: String, isOriginal: Bool) throws {
    var node = FakeNode()
    node.write(text, to: "a.conf")
    #expect(node.files["a.conf"]?.isOriginal == isOriginal)
  }
}
