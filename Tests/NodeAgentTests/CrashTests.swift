import Glibc
import JSON
import NodeAgent
import Synchronization
import System
import Testing

/// A process that dies at every moment that matters, and the next one.
@Suite struct CrashTests {
  /// What a life goes through: from one state of a node to another.
  enum Life: String, CaseIterable, Codable {
    case install, convert, own, update, remove, removeConverted, removeOwn, toOwn, retry
  }

  /// Does what comes before, and then, with `installation`, what is interrupted.
  static func live(_ life: Life, _ root: String, _ installation: Installation) throws {
    let layout = NodeFolder.layout(root)
    let conf = "\(layout.configurationFolder)/10-net.conf"
    let list = "\(layout.configurationFolder)/10-net.conflist"
    let chained = NodeFolder.wanted(layout)
    let owned = NodeFolder.wanted(layout, .owned(fileName: "02-istio-cni.conflist", primary: nil))
    let converts = life == .convert || life == .removeConverted
    let text = converts ? single : NodeFolder.calico
    if try !exists(conf), try !exists(list) {
      // Long enough ago to stay.
      let time = timeSinceEpoch() - .seconds(60)
      try NewFile.make(converts ? conf : list, Array(text.utf8), mode: 0o640, modified: time)
      switch life {
      case .install, .convert, .own: break
      case .update, .remove, .removeConverted, .toOwn, .retry: #expect(Installation().pass(chained).isHealthy)
      case .removeOwn: #expect(Installation().pass(owned).isHealthy)
      }
    }
    switch life {
    case .install, .convert: #expect(installation.pass(chained).isHealthy)
    case .own, .toOwn: #expect(installation.pass(owned).isHealthy)
    case .update:
      var wanted = chained
      wanted.entry["plugin_log_level"] = "debug"
      #expect(installation.pass(wanted).isHealthy)
    case .remove, .removeConverted, .removeOwn: #expect(installation.remove(layout).isHealthy)
    case .retry:
      // Another has written the file anew.
      try AtomicFile.write(Array(NodeFolder.calico.utf8), to: list, mode: 0o640)
      #expect(installation.pass(chained).isHealthy)
    }
  }

  static let single = #"{"name": "n", "type": "bridge"}"#

  /// An installation that calls `body` at each moment.
  static func installation(_ body: @escaping @Sendable () -> Void) -> Installation {
    Installation(exchange: FileExchange { _, _ in body() }) { _ in body() }
  }

  @Test("whatever dies when, others' files are whole, and the next start completes it", arguments: Life.allCases)
  func everyMoment(life: Life) async throws {
    let count = Mutex(0)
    let rehearsal = try NodeFolder()
    try Self.live(life, rehearsal.root, Self.installation { count.withLock { $0 += 1 } })
    let total = count.withLock { $0 }
    #expect(total > 3)
    for moment in 0..<total {
      let node = try NodeFolder()
      await #expect(processExitsWith: .exitCode(3)) {
        [life = life as Life, root = node.root as String, moment = moment as Int] in
        let left = Mutex(moment)
        try CrashTests.live(
          life, root,
          CrashTests.installation {
            if left.withLock({ left in
              left -= 1
              return left < 0
            }) {
              _exit(3)
            }
          })
      }
      // A runtime finds a network whenever it looks.
      let files = try node.configurations.filter { !$0.hasPrefix(".") }
      #expect(try !files.isEmpty && files.allSatisfy { try !node.chain($0).isEmpty })
      try Self.live(life, node.root, Installation())
      #expect(try node.configurations == rehearsal.configurations, "\(moment)")
      for name in try node.configurations where !name.hasPrefix(".") {
        #expect(try node.bytes(name) == rehearsal.bytes(name), "\(moment)")
      }
      #expect(Installation().remove(node.layout).isHealthy)
      let converts = life == .convert || life == .removeConverted
      #expect(try node.configurations == [converts ? "10-net.conf" : "10-net.conflist"], "\(moment)")
      #expect(
        try node.bytes(node.configurations[0]) == Array((converts ? Self.single : NodeFolder.calico).utf8),
        "\(moment)")
      #expect(try names(inFolder: node.layout.binaryTargets[0]) == [])
    }
  }

  @Test("what another wrote just before a crash gets its name back", arguments: [false, true])
  func displacedByCrash(isRemoval: Bool) async throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    if isRemoval { #expect(Installation().pass(node.wanted()).isHealthy) }
    let other = NodeFolder.calico.replacing("k8s-pod-network", with: "another")
    await #expect(processExitsWith: .exitCode(3)) {
      [root = node.root as String, other = other as String, isRemoval = isRemoval as Bool] in
      let exchange = FileExchange { moment, path in
        if moment == .exchanged { _exit(3) }
        guard (try? AtomicFile.write(Array(other.utf8), to: path, mode: 0o644)) != nil else { _exit(4) }
      }
      let layout = NodeFolder.layout(root)
      let installation = Installation(exchange: exchange)
      _ = isRemoval ? installation.remove(layout) : installation.pass(NodeFolder.wanted(layout))
    }
    // Removal first, so that nothing but the leftover can tell what the other wrote.
    #expect(
      isRemoval ? Installation().remove(node.layout).isHealthy : Installation().pass(node.wanted()).failure == nil)
    _ = Installation().pass(node.wanted())
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try node.bytes("10-calico.conflist") == Array(other.utf8))
    #expect(try node.configurations == ["10-calico.conflist"])
  }

  @Test("a crash in the middle of an edit does not cost the original")
  func originalKept() async throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    let before = try node.everything
    await #expect(processExitsWith: .exitCode(3)) { [root = node.root as String] in
      let exchange = FileExchange { moment, _ in if moment == .exchanged { _exit(3) } }
      _ = Installation(exchange: exchange).pass(NodeFolder.wanted(NodeFolder.layout(root)))
    }
    #expect(Installation().pass(node.wanted()).isHealthy)
    #expect(Installation().remove(node.layout).isHealthy)
    #expect(try node.everything == before)
  }

  @Test("a removal that was interrupted is known as such")
  func leaving() async throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: "10-calico.conflist")
    #expect(Installation().pass(node.wanted()).isHealthy)
    #expect(try !Installation().observe(node.layout).journal.isLeaving)
    await #expect(processExitsWith: .exitCode(3)) { [root = node.root as String] in
      _ = Installation { if case .marked = $0 { _exit(3) } }.remove(NodeFolder.layout(root))
    }
    #expect(try Installation().observe(node.layout).journal.isLeaving)
    #expect(Installation().pass(node.wanted()).isHealthy)
    #expect(try !Installation().observe(node.layout).journal.isLeaving)
  }
}
