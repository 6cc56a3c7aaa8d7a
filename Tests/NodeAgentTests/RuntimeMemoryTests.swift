import Harness
import JSON
import NodeAgent
import System
import SystemPackage
import Testing

/// A binary that a cached attachment may still name.
@Suite struct RuntimeMemoryTests {
  static func need(_ node: borrowing NodeFolder) throws -> PluginNeed {
    try Installation().observe(node.layout, includingNeed: true).need
  }

  /// What libcni leaves in `results`.
  static func result(_ types: [String]) -> [UInt8] {
    let list: JSONValue = ["name": "n", "plugins": .array(types.map { ["type": .string($0)] })]
    let value: JSONValue = [
      "kind": "cniCacheV1", "containerId": "c", "config": .string(base64(list.serialized())),
      "ifName": "eth0", "networkName": "n", "cniArgs": [["K8S_POD_NAMESPACE", "istio-cni"]],
    ]
    return value.serialized()
  }

  @Test("nobody needs the plugin when nothing remembers it")
  func none() throws {
    let node = try NodeFolder()
    #expect(try Self.need(node) == .none)
    try makeFolders("\(node.layout.cacheFolder)/results")
    try AtomicFile.write(Self.result(["calico"]), to: "\(node.layout.cacheFolder)/results/n-c-eth0", mode: 0o600)
    try makeFolders("\(node.layout.runDirectory)/attachments/n/eth0")
    #expect(try Self.need(node) == .none)
  }

  @Test("what libcni, older runtimes and Multus remember is looked through", arguments: ["results", "cache", "multus"])
  func caches(folder: String) throws {
    let node = try NodeFolder()
    try makeFolders("\(node.layout.cacheFolder)/\(folder)/a-folder")
    let path = "\(node.layout.cacheFolder)/\(folder)/n-c-eth0"
    try AtomicFile.write(Self.result(["calico", "istio-cni"]), to: path, mode: 0o600)
    #expect(try Self.need(node) == .attachments(["n-c-eth0"]))
    let delegates: JSONValue = [["Conf": ["type": "istio-cni"]]]
    try AtomicFile.write(delegates.serialized(), to: path, mode: 0o600)
    #expect(try Self.need(node) == .attachments(["n-c-eth0"]))
    // Cut short.
    try AtomicFile.write(Array(#"{"plugins": [{"type": "istio-cni""#.utf8), to: path, mode: 0o600)
    #expect(try Self.need(node) == .attachments(["n-c-eth0"]))
    try AtomicFile.write(Array("not JSON".utf8), to: path, mode: 0o600)
    #expect(try Self.need(node) == .none)
  }

  @Test("the records of the plugin count")
  func records() throws {
    let node = try NodeFolder()
    let folder = "\(node.layout.runDirectory)/attachments/n/eth0"
    try makeFolders(folder)
    for container in ["b", "a"] { try AtomicFile.write([], to: "\(folder)/\(container)", mode: 0o600) }
    #expect(try Self.need(node) == .attachments(["n/eth0/a", "n/eth0/b"]))
  }

  @Test("a record does not count where libcni has forgotten the attachment: a list without us has deleted it")
  func forgotten() throws {
    let node = try NodeFolder()
    let folder = "\(node.layout.runDirectory)/attachments/n/eth0"
    try makeFolders(folder)
    for container in ["b", "a"] { try AtomicFile.write([], to: "\(folder)/\(container)", mode: 0o600) }
    try makeFolders("\(node.layout.cacheFolder)/results")
    try AtomicFile.write(Self.result(["calico"]), to: "\(node.layout.cacheFolder)/results/n-b-eth0", mode: 0o600)
    #expect(try Self.need(node) == .attachments(["n/eth0/b"]))
  }

  @Test("a cache that is not mounted or cannot be read may name the plugin")
  func unknown() throws {
    let node = try NodeFolder()
    try removeFolder(node.layout.cacheFolder)
    #expect(
      try Self.need(node)
        == .unknown("cannot read what the runtime remembers: open(\(node.layout.cacheFolder)/.) = ENOENT (2)"))
    try makeFolders("\(node.layout.cacheFolder)/results")
    let path = "\(node.layout.cacheFolder)/results/big"
    try AtomicFile.write(Array(repeating: 32, count: (16 << 20) + 1), to: path, mode: 0o600)
    #expect(
      try Self.need(node) == .unknown("cannot read what the runtime remembers: read(\(path)) = EFBIG (27)"))
  }

  @Test("as long as an attachment names the plugin its binary stays, and all else goes")
  func kept() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    let before = try node.everything
    #expect(Installation().pass(node.wanted()).isHealthy)
    try makeFolders("\(node.layout.cacheFolder)/results")
    let path = "\(node.layout.cacheFolder)/results/n-c-eth0"
    try AtomicFile.write(Self.result(["istio-cni"]), to: path, mode: 0o600)
    let report = Installation().remove(node.layout)
    #expect(report.isHealthy)
    #expect(report.remaining.warnings.count == 2)
    #expect(try node.bytes("10-calico.conflist") == Array(NodeFolder.calico.utf8))
    #expect(try !exists(node.layout.kubeconfig))
    #expect(try readFile(node.layout.targetBinaries[0], limit: 100) == NodeFolder.binary)
    let journal = try Installation().observe(node.layout).journal
    #expect(journal.isLeaving)
    #expect(Set(journal.marks) == Set(node.layout.targetBinaries.map { .binary(path: $0) }))
    try removeFile(path)
    #expect(Installation().remove(node.layout).executed.map(\.kind) == ["removeBinary", "removeBinary"])
    #expect(try node.everything == before)
    #expect(try node.configurations == ["10-calico.conflist"])
  }
}
