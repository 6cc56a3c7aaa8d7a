import JSON
import NodeAgent
import Testing

/// What holds whatever other programs do to the folder.
@Suite struct PlanPropertyTests {
  static let seeds: [UInt64] = Array(1...8)
  static let roundCount = 25
  static let passCount = 12

  static func plan(_ others: OtherWriters, _ entry: JSONObject) -> Plan {
    let placement: Wanted.Placement =
      others.isChained ? .chained(fileName: nil) : .owned(fileName: OtherWriters.ownName, primary: nil)
    return Plan(installing: FakeNode.wanted(placement, entry: entry), found: others.node.found)
  }

  /// Lets a process be killed in the middle of a plan.
  static func crash(_ others: inout OtherWriters, _ plan: Plan) {
    let count = Int.random(in: 0...plan.steps.count, using: &others.random)
    for step in plan.steps.prefix(count) { others.node.execute(step) }
    if count < plan.steps.count { others.node.executeHalf(plan.steps[count]) }
  }

  @Test("one pass heals whatever others have done, and a removal leaves what is theirs", arguments: seeds)
  func converges(seed: UInt64) throws {
    for round in 0..<UInt64(Self.roundCount) {
      var others = OtherWriters(seed: seed << 32 + round)
      for _ in 0..<Self.passCount {
        if Int.random(in: 0..<20, using: &others.random) == 0 { others.loseState() }
        for _ in 0..<Int.random(in: 1...3, using: &others.random) { try others.act() }
        if Int.random(in: 0..<6, using: &others.random) == 0 { others.isChained.toggle() }
        var entry = FakeNode.entry
        if Bool.random(using: &others.random) { entry["plugin_log_level"] = "debug" }
        if Int.random(in: 0..<4, using: &others.random) == 0 { Self.crash(&others, Self.plan(others, entry)) }
        let plan = Self.plan(others, entry)
        others.node.execute(plan)
        let isRight = try Self.judge(others, plan, Self.plan(others, entry))
        guard isRight else { return }
      }
      if Bool.random(using: &others.random) {
        Self.crash(&others, Plan(removing: FakeNode.layout, found: others.node.found))
      }
      others.node.execute(Plan(removing: FakeNode.layout, found: others.node.found))
      let rest = Plan(removing: FakeNode.layout, found: others.node.found)
      guard rest.isHealthy, others.node.bytes.present == others.theirs.present, others.node.originals.isEmpty else {
        Issue.record("\(rest) \(others.history) \(others.node.texts) \(others.theirs.keys)")
        return
      }
    }
  }

  /// Whether the node is right after `plan`, for which `rest` is the plan made anew.
  static func judge(_ others: OtherWriters, _ plan: Plan, _ rest: Plan) throws -> Bool {
    let node = others.node
    func context() -> Comment { "\(others.history) \(plan.steps.map(\.description)) \(node.texts)" }
    #expect(rest.steps == [] && rest.obstacles == plan.obstacles, context())
    guard let expected = others.leading else {
      // An own list may be there still.
      let codes = plan.obstacles.map(\.code)
      #expect(codes == [.noPrimary] || !others.isChained && codes == [], context())
      return rest.steps == []
    }
    #expect(plan.obstacles == [], context())
    let chains = node.chains
    guard let leading = chains.keys.min(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) else {
      Issue.record(context())
      return false
    }
    let ours = chains.filter { $0.value.contains("istio-cni") }
    #expect(ours.keys.sorted() == [leading], context())
    #expect(ours[leading]?.last == "istio-cni", context())
    #expect(ours[leading]?.count { $0 == "istio-cni" } == 1, context())
    for (name, bytes) in others.theirs.present
    where !name.hasSuffix(".cilium_bak") && !(others.isChained && name == expected) {
      #expect(node.bytes[name] == bytes, "\(name) \(context())")
    }
    // As long as a file is broken that comes first, an owned list may be that of the network before.
    if others.isChained || !others.hasBrokenBefore {
      let theirs = try #require(others.theirs[expected])
      let kept = try FakeNode.removing(from: FakeNode.inserting(FakeNode.entry, into: theirs, name: expected))
      #expect(try FakeNode.removing(from: #require(node.bytes[leading])) == kept, context())
    }
    return rest.steps == [] && ours.keys.sorted() == [leading]
  }
}

extension [String: [UInt8]] {
  /// Without empty files: it cannot always be told whether one was a list of ours.
  fileprivate var present: Self { filter { !$0.value.isEmpty } }
}

extension FakeNode {
  fileprivate var texts: [String: String] { bytes.mapValues { String(decoding: $0, as: UTF8.self) } }
}
