import CNI
import JSON

extension Catalogue {
  static let delegationCases: [ConformanceCase] =
    (delegateCallCases + delegateFailureCases).sorted { $0.id < $1.id }

  /// A main plugin and the IPAM plugin that it delegates to: how it is called.
  private static let delegateCallCases: [ConformanceCase] = [
    ConformanceCase(
      "DLG-01", .must, [.main], [.delegatedProtocol, .delegatedExecution],
      stimulus: "ADD with a CNI_PATH of a missing folder and two folders with a stub as delegate in each",
      expectation: "the first stub is called once, with the plugin's own input and environment, and the second is not; "
        + "its standard error comes out of the plugin's"
    ) { lab in
      let node = try lab.node()
      let first = try StubDelegate(in: "/run/first", on: node), second = try StubDelegate(in: "/run/second", on: node)
      let words = "words of the delegate"
      try first.answer(
        .ADD, output: StubDelegate.addresses(in: lab.version).text(), script: "echo '\(words)' >&2")
      var call = try node.container().call(.ADD, configuration: lab.delegating(to: first))
      call.environment["CNI_PATH"] = "/run/missing:\(first.folder):\(second.folder)"
      call.environment["TRACEPARENT"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      let reply = try node.run(call)
      _ = try reply.result()
      try expect(try second.calls().isEmpty, "the stub in the last folder was called")
      let arrivals = try first.calls()
      try expect(arrivals.count == 1, "the first stub was called \(arrivals.count) times")
      try expectEnvironment(of: arrivals[0], from: call)
      let input = String(decoding: arrivals[0].input, as: UTF8.self)
      try expect(arrivals[0].input == call.standardInput, "the delegate's input was \(input.prefix(1000))")
      let errorOutput = String(decoding: reply.errorOutput, as: UTF8.self)
      try expect(errorOutput.contains(words), "the delegate's standard error is lost: \(reply.description)")
    },
    ConformanceCase(
      "DLG-07", .must, [.main], [.pluginConfiguration],
      stimulus: "ADD with a path that leads out of the folder as the delegate's type",
      expectation: "a clean error, and what lies there is not run"
    ) { lab in
      let node = try lab.node()
      let stub = try StubDelegate(in: "/run/x", on: node)
      // The folder that the path leads out of has to be there.
      try node.write("", to: "/run/plugins/empty")
      let patch: JSONObject = ["ipam": ["type": .string("../x/\(stub.type)")]]
      var call = try node.container().call(.ADD, configuration: lab.delegating(to: stub).patched(with: patch))
      call.environment["CNI_PATH"] = "/run/plugins"
      let reply = try node.run(call)
      try expect(try stub.calls().isEmpty, "it was run")
      try reply.cleanError()
    },
    ConformanceCase(
      "DLG-09", .convention, [.main], [.lifecycle],
      stimulus: "DEL of two containers at the same time while neither delegate returns",
      expectation: "both delegates are called, and both DELs succeed after that"
    ) { lab in try deleteTogether(in: lab) },
    ConformanceCase(
      "DLG-10", .must, [.main], in: .from0_4, [.delegatedExecution],
      stimulus: "ADD, CHECK, STATUS and DEL with a stub as delegate",
      expectation: "the delegate gets each verb once"
    ) { lab in
      let scene = try DelegationScene(in: lab)
      let result = try scene.run(.ADD).result()
      let others: [Command] = lab.version >= .v1_1_0 ? [.CHECK, .STATUS, .DEL] : [.CHECK, .DEL]
      for verb in others { try scene.run(verb, result: result).succeed() }
      try scene.stub.expectCalls([.ADD] + others)
    },
  ]

  /// Checks that a delegate has got the environment of the plugin, and no other variables of the protocol.
  private static func expectEnvironment(of arrival: StubDelegate.Arrival, from call: Call) throws {
    for (name, value) in call.environment.sorted(by: { $0.key < $1.key }) {
      let got = arrival.environment[name]
      try expect(got == value, "\(name) was \"\(value)\", and the delegate got \(got.map { "\"\($0)\"" } ?? "none")")
    }
    let added = arrival.environment.keys.filter { $0.hasPrefix("CNI_") && call.environment[$0] == nil }.sorted()
    try expect(added.isEmpty, "the delegate got \(added.joined(separator: ", ")), and the plugin did not")
  }

  /// DEL of two containers, in which each call of the delegate waits for the other one.
  private static func deleteTogether(in lab: Lab) throws {
    let node = try lab.node()
    let stub = try StubDelegate(on: node)
    let change = try lab.delegating(to: stub)
    let containers = try [node.container(), node.container()]
    let calls = try containers.map { container in
      try stub.answer(.ADD, output: StubDelegate.addresses(in: lab.version, ending: container.number + 1).text())
      let result = try node.run(container.call(.ADD, configuration: change).delegating(to: stub)).result()
      return try container.call(.DEL, result: result, configuration: change).delegating(to: stub)
    }
    try stub.answer(
      .DEL,
      script: """
        : > "$dir/met-$CNI_CONTAINERID"
        for turn in $(seq 100); do
          set -- "$dir"/met-*
          [ "$#" -lt 2 ] || break
          sleep 0.05
        done
        [ "$#" -ge 2 ] || : > "$dir/alone-$CNI_CONTAINERID"
        """)
    for reply in try node.together(calls) { try reply.succeed() }
    let marks = try node.tool("ls '\(stub.folder)'").split(separator: "\n")
    try expect(marks.filter { $0.hasPrefix("met-") }.count == 2, "not both DELs have called their delegate")
    try expect(
      !marks.contains { $0.hasPrefix("alone-") }, "one DEL has called its delegate only after the other had returned")
  }
}
