import CNI
import JSON

extension Catalogue {
  /// STATUS: whether an ADD would work now.
  static let statusCases: [ConformanceCase] = [
    ConformanceCase(
      "STA-01", .must, .all, in: .only1_1, [.status],
      stimulus: "STATUS on a node where all is well, before the first ADD and after it",
      expectation: "exit status 0 within 1 s, nothing on standard output, and everything as it was"
    ) { lab in
      let container = try lab.container()
      let node = container.node
      try expectHealthy(node)
      try container.add()
      try expectHealthy(node)
    },
    ConformanceCase(
      "STA-02", .should, .all, in: .only1_1, [.status],
      stimulus: "STATUS without CNI_PATH, to a plugin that delegates to nobody",
      expectation: "exit status 0, and nothing on standard output"
    ) { lab in
      if lab.manifest.role == .main, lab.manifest.delegate != nil { throw Inapplicable("the plugin needs a delegate") }
      var call = Call(.STATUS, to: lab.subject, in: lab.version)
      call.environment["CNI_PATH"] = nil
      try lab.node().run(call).succeedSilently()
    },
    ConformanceCase(
      "STA-03", .must, [.main], in: .only1_1, [.status, .delegatedExecution],
      stimulus: "STATUS with a stub as delegate whose STATUS fails with code 50",
      expectation: "a clean error 50"
    ) { lab in
      let node = try lab.node()
      let stub = try StubDelegate(on: node)
      try stub.fail(.STATUS, code: 50)
      var call = Call(.STATUS, to: lab.subject, in: lab.version).delegating(to: stub)
      call.configuration = call.configuration.patched(with: try lab.delegating(to: stub))
      try node.run(call).cleanError([50])
    },
    ConformanceCase(
      "STA-04", .unmetShould, .mainAndIPAM, in: .only1_1, [.status],
      stimulus: "STATUS when all addresses are taken",
      expectation: "a clean error 50, or 51 if containers suffer"
    ) { lab in
      guard let impairment = lab.exhaustedPool() else {
        throw Inapplicable("the manifest has no configuration with too few addresses")
      }
      let node = try lab.node()
      try impairment.apply(node)
      try impairment.status(on: node).cleanError([50, 51])
    },
    ConformanceCase(
      "STA-05", .should, [.main], in: .only1_1, [.status],
      stimulus: "STATUS with a CNI_PATH in which the delegate is not",
      expectation: "a clean error, 50 at best"
    ) { lab in
      guard lab.manifest.delegate != nil else { throw Inapplicable("the plugin delegates to nobody") }
      var call = Call(.STATUS, to: lab.subject, in: lab.version)
      call.environment["CNI_PATH"] = "/run/nowhere"
      try lab.node().run(call).cleanError()
    },
    ConformanceCase(
      "STA-06", .must, .all, in: .only1_1, [.status],
      stimulus: "ADD and DEL while STATUS fails: the delegate says so, addresses are used up, tools are missing",
      expectation: "what does not need the missing thing succeeds, and the rest succeeds or fails cleanly",
      judge: judgeServiceWithoutStatus
    ),
    ConformanceCase(
      "STA-07", .should, [.chained], in: .only1_1, [.status],
      stimulus: "STATUS where a program that the plugin runs, or a file that it needs, is missing",
      expectation: "a clean error 50 that names it"
    ) { lab in
      let impairments = lab.missingTools()
      if impairments.isEmpty { throw Inapplicable("the manifest names nothing that the plugin needs") }
      for impairment in impairments {
        let node = try lab.node()
        try expectHealthy(node)
        try impairment.apply(node)
        let reply = try impairment.status(on: node)
        try attempt("without \(impairment.names.joined(separator: ", "))") {
          let error = try reply.cleanError([50])
          let text = error.message + error.details
          try expect(impairment.names.contains { text.contains($0) }, "it is not named: \(reply.description)")
        }
      }
    },
    ConformanceCase(
      "STA-08", .convention, .all, in: .only1_1, [.status],
      stimulus: "STATUS 20 times while 24 ADDs are under way",
      expectation: "each time exit status 0 within 1 s"
    ) { lab in
      let node = try lab.node()
      let calls = try (0..<24).map { _ in try node.container().call(.ADD) }
      try node.during(calls[...]) {
        for _ in 0..<20 {
          let reply = try node.run(Call(.STATUS, to: lab.subject, in: lab.version))
          try reply.succeedSilently()
          try expect(reply.duration < .seconds(1), "STATUS took \(reply.duration)")
        }
      }
    },
  ]
}

private func expectHealthy(_ node: LabNode) throws {
  let baseline = try node.state()
  let reply = try node.run(Call(.STATUS, to: node.lab.subject, in: node.lab.version))
  try reply.succeedSilently()
  try expect(reply.duration < .seconds(1), "STATUS took \(reply.duration)")
  try node.expectUnchanged(since: baseline)
}

private func judgeServiceWithoutStatus(_ lab: Lab) throws {
  let node = try lab.node()
  var isJudged = try lab.reluctantDelegate(on: node).map { try judgeService($0, on: node) } ?? false
  for impairment in [lab.exhaustedPool()].compactMap({ $0 }) + lab.missingTools() {
    if try judgeService(impairment, on: lab.node()) { isJudged = true }
  }
  if !isJudged { throw Inapplicable("nothing that is known of the plugin makes its STATUS fail") }
}

/// - Returns: Whether STATUS failed, so that there was something to judge.
private func judgeService(_ impairment: Impairment, on node: LabNode) throws -> Bool {
  let patch = impairment.configuration
  let container = try node.container()
  let early = try impairment.hindersAdd ? container.add(configuration: patch) : nil
  try impairment.apply(node)
  if try impairment.status(on: node).succeedOrFailCleanly() { return false }
  let result: JSONObject
  if let early {
    try node.run(impairment.impaired(node.container().call(.ADD))).succeedOrFailCleanly()
    result = early
  } else {
    result = try node.run(impairment.impaired(container.call(.ADD))).result()
  }
  let reply = try node.run(impairment.impaired(container.call(.DEL, result: result)))
  if impairment.hindersDelete {
    try reply.succeedOrFailCleanly()
  } else {
    try reply.succeed()
  }
  return true
}

extension LabNode {
  /// Runs `body` while calls are under way, and then waits for their ends.
  fileprivate func during(_ calls: ArraySlice<Call>, _ body: () throws -> Void) throws {
    guard let call = calls.first else { return try body() }
    var running = try start(call)
    try running.finishInput()
    try during(calls.dropFirst(), body)
    _ = try running.reply()
  }
}
