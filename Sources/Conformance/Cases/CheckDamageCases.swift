import CNI
import JSON

extension Catalogue {
  /// CHECK of an attachment that has been damaged.
  static let damageCases: [ConformanceCase] = [
    ConformanceCase(
      "CHK-02", .should, [.main], in: .from0_4, [.check],
      stimulus: "ADD, then CHECK when the interface has been deleted",
      expectation: "a clean error"
    ) { lab in
      try lab.requireOwnInterface()
      try expectError(in: lab, after: "ip link delete '\(lab.manifest.interface)'")
    },
    ConformanceCase(
      "CHK-03", .should, [.main], in: .from0_4, [.check],
      stimulus: "ADD, then CHECK when the interface has lost its addresses",
      expectation: "a clean error"
    ) { lab in
      // It is the kernel that gives addresses to an interface which was there.
      try lab.requireOwnInterface()
      try expectError(in: lab, after: "ip address flush dev '\(lab.manifest.interface)'") { result in
        guard !result.resultAddresses.isEmpty else { throw Inapplicable("the result lists no addresses") }
      }
    },
    ConformanceCase(
      "CHK-04", .should, [.main], in: .from0_4, [.check],
      stimulus: "ADD, then CHECK when a route that the result lists has been deleted, one after the other",
      expectation: "a clean error each time"
    ) { lab in
      try lab.requireOwnInterface()
      let node = try lab.node()
      let routes = try node.container().add()["routes"]?.array?.compactMap { $0["dst"]?.string } ?? []
      guard !routes.isEmpty else { throw Inapplicable("the result lists no routes") }
      for route in routes {
        let family = route.contains(":") ? "-6" : "-4"
        try attempt("route \(route)") {
          try expectError(in: lab, after: "ip \(family) route delete \(route) dev '\(lab.manifest.interface)'")
        }
      }
    },
    ConformanceCase(
      "CHK-05", .should, [.main], in: .from0_4, [.check],
      stimulus: "ADD, then CHECK when the interface has been set down",
      expectation: "a clean error"
    ) { lab in try expectError(in: lab, after: "ip link set '\(lab.manifest.interface)' down") },
    ConformanceCase(
      "CHK-06", .should, .mainAndIPAM, in: .from0_4, [.check, .delegatedExecution],
      stimulus: "ADD, then CHECK when the files of the lease have been removed",
      expectation: "a clean error"
    ) { lab in
      guard lab.manifest.role == .ipam || lab.manifest.delegate != nil else {
        throw Inapplicable("nobody hands out addresses to the plugin")
      }
      let node = try lab.node()
      let container = try node.container()
      let before = try node.state()
      let result = try container.add()
      let leases = try node.state().newPaths(since: before, ignoring: lab.manifest.sharedState)
      guard !leases.isEmpty else { throw Inapplicable("ADD leaves no files of its own") }
      try node.remove(leases)
      try node.run(container.call(.CHECK, result: result)).cleanError()
    },
    ConformanceCase(
      "CHK-07", .should, [.chained], in: .from0_4, [.check],
      stimulus: "ADD, then CHECK when all rules of the node have been flushed",
      expectation: "a clean error, and there are no rules after it either"
    ) { lab in
      let attachment = try attachmentWithRules(in: lab.node())
      let node = attachment.container.node
      try node.flushRules()
      try node.run(attachment.container.call(.CHECK, result: attachment.result)).cleanError()
      let rules = try node.rules()
      try expect(rules.isEmpty, "CHECK has made \(rules.prefix(8).joined(separator: ", "))")
    },
    ConformanceCase(
      "CHK-08", .should, [.chained], in: .from0_4, [.check],
      stimulus: "ADD, then CHECK when a chain with the attachment's rules has been emptied, one after the other",
      expectation: "a clean error each time"
    ) { lab in
      let node = try lab.node()
      let count = try attachmentWithRules(in: node).chains.count
      for number in 0..<count {
        // A chain's name may have the container's in it.
        let attachment = try attachmentWithRules(in: node)
        guard attachment.chains.indices.contains(number) else { continue }
        let chain = attachment.chains[number].path
        try node.tool("nft flush chain \(chain)")
        try attempt("chain \(chain)") {
          _ = try node.run(attachment.container.call(.CHECK, result: attachment.result)).cleanError()
        }
      }
    },
    ConformanceCase(
      "CHK-09", .should, [.main], in: .from0_4, [.check],
      stimulus: "ADD, then CHECK when the node's end of the link has been taken off its bridge",
      expectation: "a clean error"
    ) { lab in
      let container = try lab.container()
      let node = container.node
      let result = try container.add()
      let ends = try (result["interfaces"]?.array ?? []).compactMap { entry -> String? in
        guard (entry["sandbox"]?.string ?? "").isEmpty, let name = entry["name"]?.string else { return nil }
        return try node.tool("ip -o link show dev '\(name)'").contains(" master ") ? name : nil
      }
      guard !ends.isEmpty else { throw Inapplicable("no interface of the node's in the result is on a bridge") }
      for end in ends { try node.tool("ip link set '\(end)' nomaster") }
      try node.run(container.call(.CHECK, result: result)).cleanError()
    },
    ConformanceCase(
      "CHK-10", .should, .mainAndChained, in: .from0_4, [.check],
      stimulus: "ADD, then CHECK without prevResult",
      expectation: "a clean error"
    ) { lab in
      let container = try lab.container()
      try container.add()
      try container.node.run(container.call(.CHECK)).cleanError()
    },
    ConformanceCase(
      "CHK-13", .should, [.main], in: .from0_4, [.check],
      stimulus: "ADD, then CHECK with another container's namespace, and with a path where nothing is",
      expectation: "a clean error each time"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let result = try container.add()
      for path in [try node.container().path, "/run/netns/nothing"] {
        var call = try container.call(.CHECK, result: result)
        call.environment["CNI_NETNS"] = path
        _ = try attempt(path) { try node.run(call).cleanError() }
      }
    },
    ConformanceCase(
      "CHK-14", .should, .mainAndIPAM, in: .from0_4, [.check],
      stimulus: "ADD, DEL, then CHECK with the result of ADD",
      expectation: "a clean error"
    ) { lab in
      let container = try lab.container()
      let result = try container.add()
      try container.delete(result: result)
      try container.node.run(container.call(.CHECK, result: result)).cleanError()
    },
    ConformanceCase(
      "CHK-15", .must, [.main], in: .from0_4, [.check, .delegatedExecution],
      stimulus: "ADD, then CHECK when the delegate's CHECK fails with code 151",
      expectation: "a clean error with code 151"
    ) { lab in
      let scene = try DelegationScene(in: lab)
      let result = try scene.run(.ADD).result()
      try scene.stub.fail(.CHECK, code: 151)
      try scene.run(.CHECK, result: result).cleanError([151])
    },
  ]

  /// CHECK of a fresh attachment after a command in the container must be a clean error.
  ///
  /// - Parameter examine: Looks at the result of ADD before.
  private static func expectError(
    in lab: Lab, after command: String, examine: (JSONObject) throws -> Void = { _ in }
  ) throws {
    let container = try lab.container()
    let result = try container.add()
    try examine(result)
    try container.node.tool(command, in: container)
    try container.node.run(container.call(.CHECK, result: result)).cleanError()
  }

  /// An attachment, and the chains of the node's with the rules that are its own.
  private struct AttachmentWithRules {
    let container: Container
    let result: JSONObject
    let chains: [RulesetChain]
  }

  /// ADD on a node that has had another attachment.
  ///
  /// - Throws: `Inapplicable` if it adds no rules to the node.
  private static func attachmentWithRules(in node: LabNode) throws -> AttachmentWithRules {
    if node.containers.isEmpty { try node.warmUp() }
    let container = try node.container()
    let before = try node.state()
    let result = try container.add()
    let chains = try node.state().ownChains(since: before)
    guard !chains.isEmpty else { throw Inapplicable("ADD adds no rules to the node") }
    return AttachmentWithRules(container: container, result: result, chains: chains)
  }
}
