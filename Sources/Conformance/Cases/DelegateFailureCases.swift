import CNI
import JSON

extension Catalogue {
  /// A main plugin and the IPAM plugin that it delegates to: when that fails, or says something odd.
  static let delegateFailureCases: [ConformanceCase] = [
    ConformanceCase(
      "DLG-02", .should, [.main], [.delegatedExecution],
      stimulus: "ADD when the delegate's binary is missing, then DEL when it is there",
      expectation: "a clean error and no trace; exit status 0 and no trace"
    ) { lab in
      let scene = try DelegationScene(in: lab)
      var call = try scene.call(.ADD)
      call.environment["CNI_PATH"] = "/run/missing"
      try scene.node.run(call).cleanError()
      try attempt("ADD") { try scene.expectNoTrace() }
      try scene.run(.DEL).succeed()
      try attempt("DEL") { try scene.expectNoTrace() }
    },
    ConformanceCase(
      "DLG-03", .unmetShould, [.main], [.delegatedExecution],
      stimulus: "ADD when the delegate's ADD fails with code 111",
      expectation: "a clean error with code 111, the delegate has got ADD and DEL, and no trace"
    ) { lab in
      let scene = try DelegationScene(in: lab)
      try scene.stub.fail(.ADD, code: 111)
      try scene.run(.ADD).cleanError([111])
      try scene.stub.expectCalls([.ADD, .DEL])
      try scene.expectNoTrace()
    },
    ConformanceCase(
      "DLG-04", .should, [.main], [.delegatedExecution],
      stimulus: "ADD when the delegate's route has a gateway that nothing leads to, then DEL",
      expectation: "a clean error, the delegate has got ADD and DEL, and after the plugin's own DEL no trace"
    ) { lab in
      let scene = try DelegationScene(in: lab)
      try scene.stub.answer(.ADD, output: StubDelegate.unroutable(in: lab.version).text())
      try scene.run(.ADD).cleanError()
      try scene.stub.expectCalls([.ADD, .DEL])
      try scene.run(.DEL).succeed()
      try scene.expectNoTrace()
    },
    ConformanceCase(
      "DLG-05", .should, [.main], [.delegatedExecution, .error],
      stimulus: "ADD when the delegate succeeds with garbage, nothing, null, {}, two documents, no addresses, a null "
        + "address, an unknown version, or a malformed address",
      expectation: "a clean error, and the delegate has got ADD and DEL, each time"
    ) { lab in
      let node = try lab.node()
      var faults: [String] = []
      for (number, answer) in StubDelegate.oddAnswers(in: lab.version).enumerated() {
        let stub = try StubDelegate(in: "/run/stub-\(number)", on: node)
        let change = try lab.delegating(to: stub)
        try stub.answer(.ADD, output: answer.output)
        do {
          try node.run(node.container().call(.ADD, configuration: change).delegating(to: stub)).cleanError()
          try stub.expectCalls([.ADD, .DEL])
        } catch let discrepancy as Discrepancy {
          faults.append("\(answer.name): \(discrepancy.observed.prefix(200))")
        }
      }
      try expect(faults.isEmpty, faults.joined(separator: "; "))
    },
    ConformanceCase(
      "DLG-06", .should, [.main], in: .from1_0, [.versionConsiderations],
      stimulus: "ADD when the delegate answers in version 0.2.0, in 0.4.0, and without a version",
      expectation: "a result in the version of the request, with the delegate's addresses"
    ) { lab in
      let node = try lab.node()
      let stub = try StubDelegate(on: node)
      let change = try lab.delegating(to: stub)
      var unlabelled = StubDelegate.addresses(in: lab.version).object ?? [:]
      unlabelled["cniVersion"] = nil
      for (name, answer) in [
        ("version 0.2.0", StubDelegate.addresses(in: .v0_2_0)), ("version 0.4.0", StubDelegate.addresses(in: .v0_4_0)),
        ("no version", .object(unlabelled)),
      ] {
        let container = try node.container()
        try stub.answer(.ADD, output: answer.text())
        try attempt(name) {
          let result = try node.run(container.call(.ADD, configuration: change).delegating(to: stub)).result()
          let text = JSONValue.object(result).text()
          try expect(result["cniVersion"]?.string == lab.version.rawValue, text)
          try expect(result["ips"]?.array?.map { $0["address"]?.string } == ["10.77.0.2/24", "fd00:77::2/64"], text)
          try node.run(container.call(.DEL, result: result, configuration: change).delegating(to: stub)).succeed()
        }
      }
    },
    ConformanceCase(
      "DLG-08", .convention, [.main], [.delegatedExecution],
      stimulus: "ADD killed while its delegate holds a lock, then DEL, whose delegate waits for it",
      expectation: "DEL succeeds, no lease is left, and after 5 seconds no delegate is running"
    ) { lab in try deleteAfterDeathOfParent(in: lab) },
  ]

  private static func deleteAfterDeathOfParent(in lab: Lab) throws {
    let node = try lab.node()
    let stub = try StubDelegate(on: node)
    let change = try lab.delegating(to: stub)
    let lock = "exec 9> \"$dir/lock\"; flock 9"
    let lease = "\"$dir/lease-$CNI_CONTAINERID\""
    try stub.answer(
      .ADD, output: StubDelegate.addresses(in: lab.version).text(),
      script: "\(lock); while [ -e \"$dir/hold\" ]; do sleep 0.05; done; : > \(lease)")
    try stub.answer(.DEL, script: "rm -f \"$dir/hold\"; \(lock); rm -f \(lease)")
    try node.write("", to: "\(stub.folder)/hold")
    let container = try node.container()
    var addition = try container.call(.ADD, configuration: change).delegating(to: stub)
    // It is killed then, and its delegate is not.
    addition.timeLimit = .seconds(3)
    _ = try node.run(addition)
    try stub.expectCalls([.ADD])
    try node.run(container.call(.DEL, configuration: change).delegating(to: stub)).succeed()
    try node.remove(["\(stub.folder)/hold"])
    let ended = try lab.eventually(within: .seconds(5)) {
      try !node.processes().contains { $0.contains("\(stub.folder)/\(stub.type)") }
    }
    try expect(ended, "a delegate is still running")
    let files = try node.tool("ls '\(stub.folder)'").split(separator: "\n")
    try expect(!files.contains { $0.hasPrefix("lease-") }, "a lease is left")
  }
}

extension StubDelegate {
  /// As `addresses`, with a route that no kernel takes: nothing leads to its gateway.
  fileprivate static func unroutable(in version: SpecVersion) -> JSONValue {
    var answer = addresses(in: version).object ?? [:]
    let routes: JSONValue = [["dst": "198.51.100.0/24", "gw": "203.0.113.1"]]
    if version < .v0_3_0 {
      answer = answer.patched(with: ["ip4": ["routes": routes]])
    } else {
      answer["routes"] = routes
    }
    return .object(answer)
  }

  /// Answers to ADD that are none, in words and as they are.
  fileprivate static func oddAnswers(in version: SpecVersion) -> [(name: String, output: String)] {
    let good = addresses(in: version)
    let label = JSONValue.string(version.rawValue)
    func patched(_ patch: JSONObject) -> String {
      JSONValue.object((good.object ?? [:]).patched(with: patch)).text()
    }
    let isOld = version < .v0_3_0
    let none: JSONValue = isOld ? ["cniVersion": label] : ["cniVersion": label, "ips": []]
    let malformed: JSONObject =
      isOld ? ["ip4": ["ip": "10.77.0.300/24"]] : ["ips": [["address": "10.77.0.300/24", "version": "4"]]]
    return [
      ("garbage", "pool of addresses: 10.77.0.0"), ("nothing", ""), ("null", "null"), ("{}", "{}"),
      ("two documents", good.text() + good.text()), ("no addresses", none.text()),
      ("a null address", patched(isOld ? ["ip4": nil, "ip6": nil] : ["ips": [nil]])),
      ("version 9.0.0", patched(["cniVersion": "9.0.0"])), ("a malformed address", patched(malformed)),
    ]
  }
}
