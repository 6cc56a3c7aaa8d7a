import CNI
import Harness
import JSON
import System

extension Catalogue {
  /// A redirect among others: the node, other people's rules, other plugins of the list, other calls.
  static let redirectNeighbourCases: [ConformanceCase] = [
    ConformanceCase(
      "RDR-02", .must, [.redirect], [.add],
      stimulus: "ADD, CHECK and DEL",
      expectation: "the node's own namespace is as it was after each of them"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let nodeState = { () throws -> State in
        var state = try node.state()
        state.sections = state.sections.filter { $0.key.hasPrefix("node: ") }
        return state
      }
      let before = try nodeState()
      let expectNoChange = { (verb: String) throws in
        let changes = try nodeState().differences(from: before)
        try expect(changes.isEmpty, "\(verb) changed the node: \(changes.joined(separator: "; "))")
      }
      let result = try container.add()
      try expectNoChange("ADD")
      if lab.version >= .v0_4_0 {
        try node.run(container.call(.CHECK, result: result)).succeedOrFailCleanly()
        try expectNoChange("CHECK")
      }
      try container.delete(result: result)
      try expectNoChange("DEL")
    },
    ConformanceCase(
      "RDR-03", .must, [.redirect], [.delete],
      stimulus: "ADD and DEL in a container with rules of others: native nft, iptables-nft, iptables-legacy",
      expectation: "those rules are the same before, between and after"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      for neighbour in RuleNeighbour.all { try neighbour.settle(in: container) }
      let before = try container.packetRules()
      let result = try container.add()
      for change in try container.packetRules().difference(from: before) {
        if case .remove(_, let line, _) = change { throw Discrepancy("ADD took or moved: \(line)") }
      }
      try container.delete(result: result)
      try expectSame(try container.packetRules(), as: before, "rules after DEL")
    },
    ConformanceCase(
      "RDR-26", .must, [.redirect], in: .from0_4, [.addingAttachment, .checkingAttachment, .deletingAttachment],
      stimulus:
        "ADD, CHECK and DEL of lists with bridge in front, and tuning before or portmap, firewall or bandwidth behind; a connection to a port of the node",
      expectation:
        "every step succeeds, the final result does not depend on the list, and the node's port leads to the proxy",
      judge: judgeLists),
    ConformanceCase(
      "RDR-31", .must, [.redirect], [.lifecycle],
      stimulus: "20 ADDs at a time while somebody holds the xtables lock for 3 s",
      expectation: "all succeed, with the same rules"
    ) { lab in
      let node = try lab.node()
      let containers = try (0..<20).map { _ in try node.container() }
      try node.tool(
        "/bin/sh -c 'flock -x /run/xtables.lock sleep 3 >/dev/null 2>&1 & while flock -n /run/xtables.lock true; do :; done'"
      )
      let calls = try containers.map { try $0.call(.ADD) }
      for reply in try node.together(calls) { try reply.succeed() }
      let first = try containers[0].packetRules()
      try expect(!first.isEmpty, "ADD made no rule")
      for container in containers {
        try expectSame(try container.packetRules(), as: first, "rules of another container")
      }
    },
    ConformanceCase(
      "RDR-32", .should, [.redirect], [.add, .delete],
      stimulus: "ADD and DEL in containers that use native nft, iptables-nft or iptables-legacy already",
      expectation: "the redirect works, uses one back end, and leaves no tables of another one"
    ) { lab in
      for neighbour in RuleNeighbour.all {
        let scene = try lab.redirectScene()
        let container = scene.container
        try neighbour.settle(in: container)
        let nft = try container.nftRules(), legacy = try container.legacyRules()
        let result = try container.add()
        let usesNft = try container.nftRules() != nft, usesLegacy = try container.legacyRules() != legacy
        try expect(usesNft != usesLegacy, "beside \(neighbour.name): rules came in both back ends or in none")
        try scene.expectRedirected()
        try container.delete(result: result)
        try expect(
          try container.nftRules() == nft && container.legacyRules() == legacy,
          "beside \(neighbour.name): rules or tables are left or lost after DEL")
        try scene.expectDirect()
      }
    },
  ]

  // MARK: Lists

  @Sendable private static func judgeLists(_ lab: Lab) throws {
    let finalResults = try RedirectList.all(in: lab).compactMap { list in
      try list.judge(in: lab).map { (list.name, $0) }
    }
    guard let first = finalResults.first else {
      throw Inapplicable("the reference plugins do not work here")
    }
    for (name, result) in finalResults {
      try expect(result == first.1, "\(name): the final result is \(result), not \(first.1)")
    }
  }
}

extension Container {
  fileprivate func nftRules() throws -> String { try node.tool("nft -s list ruleset", in: self) }

  fileprivate func legacyRules() throws -> [String] {
    try packetRules().filter { line in ["*", ":", "-A", "COMMIT"].contains { line.hasPrefix($0) } }
  }
}
