import CNI
import JSON

extension Catalogue {
  static let deletionCases: [ConformanceCase] =
    (teardownCases + neighbourCases + deletionFaultCases).sorted { $0.id < $1.id }

  /// DEL: everything goes, whatever has been lost by then.
  private static let teardownCases: [ConformanceCase] = [
    ConformanceCase(
      "DEL-01", .must, .all, [.delete],
      stimulus: "ADD, then DEL with its result, on a node that has had another attachment",
      expectation: "exit status 0, and no trace in both namespaces and on disk"
    ) { lab in
      try expectNoTraceOfAttachment(in: lab) { container, result in try container.delete(result: result) }
    },
    ConformanceCase(
      "DEL-02", .must, .all, [.delete],
      stimulus: "ADD, then DEL three times",
      expectation: "exit status 0 each time"
    ) { lab in
      let container = try lab.container()
      let result = try container.add()
      for time in ["first", "second", "third"] {
        try attempt("the \(time) DEL") { try container.delete(result: result) }
      }
    },
    ConformanceCase(
      "DEL-03", .must, .all, [.delete],
      stimulus: "DEL of an attachment that was never added",
      expectation: "exit status 0"
    ) { lab in
      let container = try lab.container()
      try container.delete(result: container.previousResult(in: lab.version))
    },
    ConformanceCase(
      "DEL-04", .must, .all, [.delete],
      stimulus: "ADD, the end of the container's namespace, then DEL with the path where it was",
      expectation: "exit status 0, and no trace on the node and on disk"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let baseline = try node.state()
      let container = try node.container()
      let result = try container.add()
      try container.remove()
      try container.delete(result: result)
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "DEL-05", .must, .all, [.delete],
      stimulus: "ADD, then DEL with an empty CNI_NETNS while the container's namespace is there",
      expectation: "exit status 0, and no trace on the node and on disk but what goes with the namespace"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let baseline = try node.state()
      let container = try node.container()
      let result = try container.add()
      var call = try container.call(.DEL, result: result)
      call.environment["CNI_NETNS"] = ""
      try node.run(call).succeed()
      try container.remove()
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "DEL-06", .must, .all, in: .from0_4, [.delete],
      stimulus: "ADD, then DEL with a prevResult that is absent, null or {}",
      expectation: "exit status 0 each time"
    ) { lab in
      let node = try lab.node()
      for (name, previous) in [("absent", nil), ("null", .null), ("{}", [:])] as [(String, JSONValue?)] {
        let container = try node.container()
        try container.add()
        var call = try container.call(.DEL)
        call.configuration["prevResult"] = previous
        try attempt("prevResult \(name)") { try node.run(call).succeed() }
      }
    },
    ConformanceCase(
      "DEL-07", .should, [.chained], in: .from0_4, [.delete, .version0_4],
      stimulus: "ADD of a plugin that leaves something on the node, then DEL without prevResult",
      expectation: "exit status 0, and no trace"
    ) { lab in
      guard lab.manifest.keepsNodeState else { throw Inapplicable("the plugin keeps nothing on the node") }
      try expectNoTraceOfAttachment(in: lab) { container, _ in try container.delete() }
    },
    ConformanceCase(
      "DEL-08", .should, [.chained], [.delete, .version0_4],
      stimulus: "ADD with the plugin's runtimeConfig, then DEL without any",
      expectation: "exit status 0, and no trace"
    ) { lab in
      guard lab.manifest.runtimeConfiguration != nil else { throw Inapplicable("the plugin needs no runtimeConfig") }
      try expectNoTraceOfAttachment(in: lab) { container, result in
        try container.delete(result: result, configuration: ["runtimeConfig": nil])
      }
    },
    ConformanceCase(
      "DEL-09", .must, [.main], [.delete],
      stimulus: "ADD, then DEL when the interface has been deleted, or has got another name",
      expectation: "exit status 0, its files are gone, and no interface keeps an address that is free again"
    ) { lab in
      try lab.requireOwnInterface()
      let name = lab.manifest.interface
      try attempt("deleted") { try deleteAfter("ip link delete '\(name)'", in: lab) }
      try attempt("renamed") {
        try deleteAfter("sh -c 'ip link set \(name) down; ip link set \(name) name other0 up'", in: lab)
      }
    },
    ConformanceCase(
      "DEL-14", .must, .mainAndIPAM, [.delete],
      stimulus: "ADD, then DEL when all the files are gone that ADD has left",
      expectation: "exit status 0"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let baseline = try node.state()
      let result = try container.add()
      let files = try node.state().newPaths(since: baseline)
      guard !files.isEmpty else { throw Inapplicable("ADD leaves no files") }
      try node.remove(files)
      try container.delete(result: result)
    },
    ConformanceCase(
      "DEL-18", .must, .mainAndIPAM, [.delete],
      stimulus: "ADD, then DEL on a node that has been started anew since: of the attachment it has the files only",
      expectation: "exit status 0, and the files are gone"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let before = try node.state()
      let result = try container.add()
      let files = try node.state().newPaths(since: before)
      let restarted = try lab.node()
      let baseline = try restarted.state()
      if !files.isEmpty { try restarted.copy(files, from: node) }
      try restarted.run(container.call(.DEL, result: result)).succeed()
      try restarted.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "DEL-20", .convention, .mainAndIPAM, [.lifecycle],
      stimulus: "ADD, then DEL with a configuration that has got other subnets, or another bridge, since",
      expectation: "exit status 0, and no trace"
    ) { lab in
      guard let edit = lab.manifest.otherNetwork else {
        throw Inapplicable("the manifest has no configuration of another network")
      }
      try expectNoTraceOfAttachment(in: lab) { container, result in
        try container.delete(result: result, configuration: edit)
      }
    },
  ]

  /// Adds an attachment to a node that has had another one, lets it be deleted, and checks that nothing is left.
  private static func expectNoTraceOfAttachment(
    in lab: Lab, after delete: (Container, JSONObject) throws -> Void
  ) throws {
    let node = try lab.node()
    try node.warmUp()
    let container = try node.container()
    let baseline = try node.state()
    try delete(container, container.add())
    try node.expectNoTrace(since: baseline)
  }

  /// DEL after something has happened to the interface inside the container.
  private static func deleteAfter(_ event: String, in lab: Lab) throws {
    let node = try lab.node()
    try node.warmUp()
    let container = try node.container()
    let baseline = try node.state()
    let result = try container.add()
    try node.tool(event, in: container)
    try container.delete(result: result)
    try node.expectNoTrace(since: baseline, ignoring: ["^. (node|container [0-9]+): "])
    let addresses = try node.tool("ip -o address show", in: container)
    for address in result.resultAddresses where addresses.contains(" \(address) ") {
      throw Discrepancy("DEL has given \(address) back, but an interface of the container still has it")
    }
  }
}
