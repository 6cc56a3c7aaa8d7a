import CNI
import JSON

extension Catalogue {
  /// Variables that are missing, empty, or of no concern to the plugin.
  static let variableCases: [ConformanceCase] = [
    ConformanceCase(
      "INV-11", .must, .all, [.add, .error],
      stimulus: "ADD without CNI_CONTAINERID, without CNI_NETNS, without CNI_IFNAME",
      expectation: "a clean error with code 4 whose message names the variable, and no trace"
    ) { lab in
      let container = try lab.container()
      let node = container.node
      let baseline = try node.state()
      for name in lab.requiredVariables {
        var call = try container.call(.ADD)
        call.environment[name] = nil
        let error = try attempt("without \(name)") { try node.run(call).cleanError(lab.codes(4)) }
        try expect(error.message.contains(name), "without \(name), the message is: \(error.message)")
      }
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "INV-12", .convention, .all, in: .from1_0, [.error, .library],
      stimulus: "ADD without CNI_CONTAINERID, CNI_NETNS and CNI_IFNAME",
      expectation: "one message names all three"
    ) { lab in
      let container = try lab.container()
      var call = try container.call(.ADD)
      for name in lab.requiredVariables { call.environment[name] = nil }
      let error = try container.node.run(call).cleanError([4])
      for name in lab.requiredVariables {
        try expect(error.message.contains(name), "no \(name) in the message: \(error.message)")
      }
    },
    ConformanceCase(
      "INV-13", .should, .all, [.add, .delete],
      stimulus: "ADD, CHECK and DEL without CNI_PATH, for a plugin that delegates to nobody",
      expectation: "they succeed"
    ) { lab in
      guard lab.manifest.role == .ipam || lab.manifest.delegate == nil else {
        throw Inapplicable("it delegates, so it needs CNI_PATH")
      }
      let container = try lab.container()
      func run(_ verb: Command, result: JSONObject? = nil) throws -> Reply {
        var call = try container.call(verb, result: result)
        call.environment["CNI_PATH"] = nil
        return try container.node.run(call)
      }
      let result = try run(.ADD).result()
      if lab.version >= Command.CHECK.introduced { try run(.CHECK, result: result).succeed() }
      try run(.DEL, result: result).succeed()
    },
    ConformanceCase(
      "INV-14", .must, .all, [.delete],
      stimulus: "after ADD, DEL with CNI_NETNS unset, and with CNI_NETNS empty",
      expectation: "exit status 0 both times"
    ) { lab in
      let node = try lab.node()
      for (name, value) in [("unset", nil), ("empty", "")] as [(String, String?)] {
        let container = try node.container()
        let result = try container.add()
        var call = try container.call(.DEL, result: result)
        call.environment["CNI_NETNS"] = value
        try attempt(name) { try node.run(call).succeed() }
      }
    },
    ConformanceCase(
      "INV-15", .must, .all, [.delete, .check],
      stimulus: "after ADD, DEL without CNI_CONTAINERID, DEL without CNI_IFNAME, and CHECK without CNI_NETNS",
      expectation: "a clean error with code 4 each, and the attachment is as it was"
    ) { lab in
      let container = try lab.container()
      let node = container.node
      let result = try container.add()
      let baseline = try node.state()
      let missing = lab.requiredVariables.map { ($0 == "CNI_NETNS" ? Command.CHECK : .DEL, $0) }
      for (verb, name) in missing where lab.version >= verb.introduced {
        var call = try container.call(verb, result: result)
        call.environment[name] = nil
        try attempt("\(verb.rawValue) without \(name)") { try node.run(call).cleanError(lab.codes(4)) }
      }
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "INV-16", .must, .all, [.add],
      stimulus: "ADD with CNI_ARGS unset, and with CNI_ARGS empty",
      expectation: "it succeeds"
    ) { lab in
      let node = try lab.node()
      for (name, value) in [("unset", nil), ("empty", "")] as [(String, String?)] {
        var call = try node.container().call(.ADD)
        call.environment["CNI_ARGS"] = value
        _ = try attempt(name) { try node.run(call).result() }
      }
    },
  ]
}

extension Lab {
  /// What ADD cannot do without. The container id was optional up to 0.3.1.
  fileprivate var requiredVariables: [String] {
    (version >= .v0_4_0 ? ["CNI_CONTAINERID"] : []) + ["CNI_NETNS", "CNI_IFNAME"]
  }
}
