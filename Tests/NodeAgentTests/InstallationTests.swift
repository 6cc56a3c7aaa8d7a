import CNI
import Glibc
import JSON
import NodeAgent
import System
import SystemPackage
import TestKit
import Testing

/// Real files, in a folder of the test's own.
@Suite struct InstallationTests {
  static let placements: [Wanted.Placement] = [
    .chained(fileName: nil), .owned(fileName: "02-istio-cni.conflist", primary: nil),
    .standalone(fileName: "YYY-istio-cni.conf"),
  ]

  // MARK: There and back

  @Test(
    "what is installed and removed again leaves the very same files", arguments: VendorFile.all, Self.placements)
  func thereAndBack(vendor: VendorFile, placement: Wanted.Placement) throws {
    let node = try NodeFolder()
    try node.write(vendor.bytes, to: vendor.name, mode: 0o640)
    // Only root can give a file away.
    if getuid() == 0 { try #require(chown(node.path(vendor.name), 1234, 5678) == 0) }
    let before = try node.everything
    let installation = Installation()
    let installed = installation.pass(node.wanted(placement))
    #expect(installed.failure == nil)
    #expect(installed.isHealthy)
    #expect(
      try node.chain(
        node.configurations.filter { $0.hasPrefix("0") || $0.hasPrefix("1") || $0.hasPrefix("Y") }
          .first { try node.chain($0).contains("istio-cni") } ?? ""
      ).last == "istio-cni")
    let removed = installation.remove(node.layout)
    #expect(removed.failure == nil)
    #expect(removed.isHealthy)
    #expect(try node.everything == before)
    #expect(try node.configurations == [vendor.name])
  }

  @Test("an edited file keeps its mode and owner, and nothing but configurations is in the folder")
  func attributes() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist", mode: 0o604)
    if getuid() == 0 { try #require(chown(node.path("10-calico.conflist"), 1234, 5678) == 0) }
    let before = try Facts(node.path("10-calico.conflist"))
    #expect(Installation().pass(node.wanted()).isHealthy)
    let after = try Facts(node.path("10-calico.conflist"))
    #expect([after.mode, after.owner, after.group] == [before.mode, before.owner, before.group])
    #expect(try node.configurations == [".istio-cni", "10-calico.conflist"])
    let kept = try Facts("\(node.layout.originals)/10-calico.conflist")
    #expect(kept == before)
  }

  @Test("a link is given back as a link", arguments: [false, true])
  func link(isAbsolute: Bool) throws {
    let node = try NodeFolder()
    try makeFolders("\(node.root)/vendor")
    try AtomicFile.write(Array(NodeFolder.calico.utf8), to: "\(node.root)/vendor/list", mode: 0o640)
    try makeLink(node.path("10-calico.conflist"), to: isAbsolute ? "\(node.root)/vendor/list" : "../vendor/list")
    let before = try node.everything
    #expect(Installation().pass(node.wanted()).isHealthy)
    #expect(!isLink(node.path("10-calico.conflist")))
    #expect(try FileIdentity(of: node.path("10-calico.conflist")).mode == 0o640)
    #expect(try readFile("\(node.root)/vendor/list", limit: 1000) == Array(NodeFolder.calico.utf8))
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try node.everything == before)
  }

  @Test("a link whose target another has changed meanwhile is given back, and leads to that")
  func linkToChanged() throws {
    let node = try NodeFolder()
    try AtomicFile.write(Array(NodeFolder.calico.utf8), to: "\(node.root)/list", mode: 0o640)
    try makeLink(node.path("10-calico.conflist"), to: "../list")
    #expect(Installation().pass(node.wanted()).isHealthy)
    try AtomicFile.write(Array("{}".utf8), to: "\(node.root)/list", mode: 0o640)
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try readLink(node.path("10-calico.conflist")) == "../list")
  }

  @Test("a list that its owner edited around our entry loses that alone")
  func editedMeanwhile() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    #expect(Installation().pass(node.wanted()).isHealthy)
    let text = String(decoding: try node.bytes("10-calico.conflist"), as: UTF8.self)
    try node.write(text.replacing("k8s-pod-network", with: "another"), to: "10-calico.conflist")
    #expect(Installation().remove(node.layout).isHealthy)
    let expected = NodeFolder.calico.replacing("k8s-pod-network", with: "another")
    #expect(try node.bytes("10-calico.conflist") == Array(expected.utf8))
    #expect(try node.configurations == ["10-calico.conflist"])
  }

  @Test("without RENAME_EXCHANGE it all works as well", arguments: VendorFile.all)
  func withoutExchange(vendor: VendorFile) throws {
    let node = try NodeFolder()
    try node.write(vendor.bytes, to: vendor.name, mode: 0o640)
    let before = try node.everything
    let installation = Installation(exchange: FileExchange(isExchangePossible: false))
    #expect(installation.pass(node.wanted()).isHealthy)
    #expect(installation.remove(node.layout).isHealthy)
    #expect(try node.everything == before)
  }

  @Test("the state can be on another file system: then the same bytes, mode, owner and time come back")
  func stateElsewhere() throws {
    let node = try NodeFolder()
    let other = "/dev/shm/node-agent-tests-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    var layout = node.layout
    layout.stateFolder = "\(other)/state"
    try makeFolders(other)
    defer { #expect(throws: Never.self) { try removeFolder(other) } }
    for file in ["10-single.conf", "20-list.conflist"] {
      let text = file.hasSuffix("t") ? NodeFolder.calico : #"{"name": "n", "type": "bridge"}"#
      try node.write(text, to: file, mode: 0o640)
      if getuid() == 0 { try #require(chown(node.path(file), 1234, 5678) == 0) }
      let before = try Facts(node.path(file))
      let wanted = NodeFolder.wanted(layout, .chained(fileName: file))
      #expect(Installation().pass(wanted).isHealthy)
      #expect(try names(inFolder: layout.originals) == [file])
      #expect(Installation().remove(layout).isHealthy)
      let after = try Facts(node.path(file))
      #expect(after.bytes == before.bytes)
      #expect(after.modified == before.modified)
      #expect([after.mode, after.owner, after.group] == [before.mode, before.owner, before.group])
      #expect(try !exists(layout.stateFolder))
      try removeFile(node.path(file))
    }
  }

  // MARK: Passes

  @Test("a second pass does nothing, and does not touch a file")
  func idempotence() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    let installation = Installation()
    #expect(installation.pass(node.wanted()).executed.count == 4)
    let before = try node.everything
    let report = installation.pass(node.wanted())
    #expect(report.executed == [])
    #expect(report.isHealthy)
    #expect(report.remaining.primary == "10-calico.conflist")
    #expect(try node.everything == before)
  }

  @Test("the steps are the binaries, the kubeconfig, and the configuration last; back it is the other way round")
  func order() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    let forth = Installation().pass(node.wanted()).executed.map(\.kind)
    #expect(forth == ["writeBinary", "writeBinary", "writeKubeconfig", "edit"])
    let back = Installation().remove(node.layout).executed.map(\.kind)
    #expect(back == ["restore", "removeKubeconfig", "removeBinary", "removeBinary"])
  }

  @Test("a binary is written when a byte or the mode differs, and only then")
  func binaries() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    let installation = Installation()
    #expect(installation.pass(node.wanted()).isHealthy)
    let target = node.layout.targetBinaries[0]
    try AtomicFile.write(Array("a progrAm".utf8), to: target, mode: 0o755)
    #expect(installation.pass(node.wanted()).executed == [.writeBinary(path: target)])
    #expect(try readFile(target, limit: 100) == NodeFolder.binary)
    #expect(try FileIdentity(of: target).mode == 0o755)
    let other = try FileIdentity(of: node.layout.targetBinaries[1])
    try #require(chmod(target, 0o700) == 0)
    #expect(installation.pass(node.wanted()).executed == [.writeBinary(path: target)])
    try AtomicFile.write(Array("a longer program".utf8), to: node.layout.sourceBinary, mode: 0o755)
    #expect(installation.pass(node.wanted()).executed.count == 2)
    #expect(try FileIdentity(of: node.layout.targetBinaries[1]).inode != other.inode)
  }

  @Test("the kubeconfig gets its mode, is written again when it is another, and its folder is made")
  func kubeconfig() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    try removeFolder(node.layout.runDirectory)
    var wanted = node.wanted()
    wanted.kubeconfigMode = 0o640
    let installation = Installation()
    #expect(installation.pass(wanted).isHealthy)
    #expect(try FileIdentity(of: node.layout.kubeconfig).mode == 0o640)
    wanted.kubeconfig = Array("another".utf8)
    #expect(installation.pass(wanted).executed == [.writeKubeconfig])
    #expect(try readFile(node.layout.kubeconfig, limit: 100) == wanted.kubeconfig)
    try #require(chmod(node.layout.kubeconfig, 0o600) == 0)
    #expect(installation.pass(wanted).executed == [.writeKubeconfig])
    #expect(try names(inFolder: node.layout.runDirectory) == ["istio-cni-kubeconfig"])
  }

  @Test("a file of our own gets the mode of new files")
  func ownFileMode() throws {
    let node = try NodeFolder()
    var wanted = node.wanted(.standalone(fileName: "YYY-istio-cni.conf"))
    wanted.newFileMode = 0o640
    #expect(Installation().pass(wanted).isHealthy)
    #expect(try FileIdentity(of: node.path("YYY-istio-cni.conf")).mode == 0o640)
  }

  @Test("two agents on one node take turns, and both end with a healthy node")
  func twoAgents() async throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    let wanted = node.wanted()
    let reports = await withTaskGroup { group in
      for _ in 0..<4 {
        group.addTask { (0..<5).map { _ in Installation().pass(wanted) } }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    #expect(reports.filter { !$0.isHealthy }.isEmpty)
    #expect(reports.map(\.executed.count).filter { $0 != 0 } == [4])
    #expect(try node.chain("10-calico.conflist") == ["calico", "istio-cni"])
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try node.bytes("10-calico.conflist") == Array(NodeFolder.calico.utf8))
  }

  @Test("an agent that holds the lock is waited for, and told of when it does not give it up")
  func lockedOut() throws {
    let node = try NodeFolder()
    try makeFolder(node.layout.stateFolder)
    let path = "\(node.layout.stateFolder)/lock"
    let lock = try LockFile.take(path, timeLimit: .zero)
    let report = Installation(lockTimeLimit: .milliseconds(20)).pass(node.wanted())
    #expect(report.executed == [])
    #expect(report.failure?.step == nil)
    #expect(report.failure?.problem == "cannot take the lock \(path): another agent has held it for 0 s")
    #expect(
      report.failure?.remedy
        == "stop the other agent on this node, or let both have another CNI_STATE_DIR and another file to edit")
    #expect(!report.isHealthy)
    lock.release()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    #expect(Installation().pass(node.wanted()).isHealthy)
  }

  // MARK: Other writers

  @Test("what another writes between the reading and the exchange stays, and the next pass starts from it")
  func changedMeanwhile() throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    let other = NodeFolder.calico.replacing("k8s-pod-network", with: "another")
    let exchange = FileExchange { moment, path in
      guard moment == .prepared else { return }
      #expect(throws: Never.self) { try AtomicFile.write(Array(other.utf8), to: path, mode: 0o644) }
    }
    let report = Installation(exchange: exchange).pass(node.wanted())
    #expect(report.failure?.isTransient == true)
    #expect(
      report.failure?.problem
        == "cannot put our entry into \(node.path("10-calico.conflist")): another writer changed the file at the same"
        + " moment")
    #expect(try node.bytes("10-calico.conflist") == Array(other.utf8))
    #expect(try node.configurations == [".istio-cni", "10-calico.conflist"])
    #expect(Installation().pass(node.wanted()).isHealthy)
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try node.bytes("10-calico.conflist") == Array(other.utf8))
  }

  @Test("a single plugin's file that another writes while a list is made of it leads, and is made a list again")
  func changedWhileConverted() throws {
    let node = try NodeFolder()
    try node.write(#"{"name": "a", "type": "bridge"}"#, to: "10-a.conf")
    let other = #"{"name": "b", "type": "bridge"}"#
    let exchange = FileExchange { moment, path in
      guard moment == .prepared, path.hasSuffix(".conf") else { return }
      #expect(throws: Never.self) { try AtomicFile.write(Array(other.utf8), to: path, mode: 0o644) }
    }
    let report = Installation(exchange: exchange).pass(node.wanted())
    #expect(report.failure?.isTransient == true)
    #expect(try node.bytes("10-a.conf") == Array(other.utf8))
    #expect(Installation().pass(node.wanted()).isHealthy)
    #expect(try node.configurations == [".istio-cni", "10-a.conflist"])
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try node.configurations == ["10-a.conf"])
    #expect(try node.bytes("10-a.conf") == Array(other.utf8))
  }

  @Test(
    "a list that another writes while ours is to have its name stays, with a former one of ours there and without",
    arguments: [false, true])
  func listWhileConverted(hasFormer: Bool) throws {
    let node = try NodeFolder()
    try node.write(#"{"name": "a", "type": "bridge"}"#, to: "10-a.conf")
    if hasFormer {
      #expect(Installation().pass(node.wanted()).isHealthy)
      try node.write(#"{"name": "b", "type": "bridge"}"#, to: "10-a.conf")
    }
    let path = node.path("10-a.conflist")
    let installation = Installation { moment in
      guard case .marked(.convert) = moment else { return }
      #expect(throws: Never.self) { try AtomicFile.write(Array(NodeFolder.calico.utf8), to: path, mode: 0o644) }
    }
    #expect(installation.pass(node.wanted()).failure?.isTransient == true)
    #expect(try node.bytes("10-a.conflist") == Array(NodeFolder.calico.utf8))
    #expect(try node.configurations == [".istio-cni", "10-a.conf", "10-a.conflist"])
  }

  @Test("a list that another writes in the place of one of ours that is to go stays")
  func listWhileRemoved() throws {
    let node = try NodeFolder()
    let text = #"{"name": "a", "type": "bridge"}"#
    try node.write(text, to: "10-a.conf")
    #expect(Installation().pass(node.wanted()).isHealthy)
    try node.write(text, to: "10-a.conf")
    let path = node.path("10-a.conflist")
    let installation = Installation { moment in
      guard case .marked(.removeOwnFile) = moment else { return }
      #expect(throws: Never.self) { try AtomicFile.write(Array(NodeFolder.calico.utf8), to: path, mode: 0o644) }
    }
    let failure = installation.remove(node.layout).failure
    #expect(
      failure?.problem == "cannot remove our configuration \(path): another writer changed the file at the same moment")
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try node.configurations == ["10-a.conf", "10-a.conflist"])
    #expect(try node.bytes("10-a.conflist") == Array(NodeFolder.calico.utf8))
  }

  @Test(
    "of a writer that writes as fast as it can nothing is lost, and at no moment is its file missing or half written",
    .timeLimit(.minutes(1)))
  func fastWriter() throws {
    let node = try NodeFolder()
    let (path, wanted) = (node.path("10-calico.conflist"), node.wanted())
    let contents = (0..<2000).map { NodeFolder.calico.replacing("k8s-pod-network", with: "net-\($0)") }
    try node.write(contents[0], to: "10-calico.conflist")
    let writer = Beside {
      for text in contents {
        try PlainFile.write(Array(text.utf8), to: "\(path).tmp", mode: 0o644)
        try renameFile("\(path).tmp", to: path)
      }
    }
    let reader = Beside {
      while !writer.isOver {
        let content = try NetworkConfigurationFile(parsing: readFile(path, limit: 1 << 20), kind: .list)
        try #require([["calico"], ["calico", "istio-cni"]].contains(content.pluginTypes))
      }
    }
    let installation = Installation()
    while !writer.isOver {
      let report = installation.pass(wanted)
      try #require(report.failure == nil || report.failure?.isTransient == true)
    }
    try writer.finish()
    try reader.finish()
    #expect(installation.pass(wanted).isHealthy)
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try node.bytes("10-calico.conflist") == Array(contents[1999].utf8))
    #expect(try node.configurations == ["10-calico.conflist"])
  }
}

extension Step {
  /// The name of the case.
  var kind: String {
    switch self {
    case .writeKubeconfig: "writeKubeconfig"
    case .removeKubeconfig: "removeKubeconfig"
    default: Mirror(reflecting: self).children.first?.label ?? ""
    }
  }
}
