import CNI
import JSON

extension Catalogue {
  /// A main plugin and the IPAM plugin that it delegates to.
  static let delegationCases: [ConformanceCase] = [
    ConformanceCase(
      "DLG-10", .must, [.main], in: .from0_4, [.delegatedExecution],
      stimulus: "ADD, CHECK, STATUS and DEL with a stub as delegate",
      expectation: "the delegate gets each verb once"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let stub = try StubDelegate(on: node)
      let change = try lab.delegating(to: stub)
      var verbs: [Command] = [.ADD, .CHECK]
      let result = try node.run(container.call(.ADD, configuration: change).delegating(to: stub)).result()
      try node.run(container.call(.CHECK, result: result, configuration: change).delegating(to: stub)).succeed()
      if lab.version >= .v1_1_0 {
        verbs.append(.STATUS)
        try node.run(container.call(.STATUS, configuration: change).delegating(to: stub)).succeed()
      }
      verbs.append(.DEL)
      try node.run(container.call(.DEL, result: result, configuration: change).delegating(to: stub)).succeed()
      let seen = try stub.calls().map(\.verb)
      try expect(seen == verbs.map(\.rawValue), "the delegate got: \(seen.joined(separator: ", "))")
    }
  ]
}
