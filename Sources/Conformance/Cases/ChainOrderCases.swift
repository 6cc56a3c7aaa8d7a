import CNI
import JSON

extension Catalogue {
  static let chainOrderCases: [ConformanceCase] = [
    ConformanceCase(
      "CHN-10", .should, [.chained], in: .from0_3, [.addSuccess],
      stimulus: "ADD that changes the interface, with an interface of the node in prevResult that has the same name",
      expectation: "only the entry with the sandbox changes in the result"
    ) { lab in
      let container = try lab.container()
      let name = lab.manifest.interface
      var previous = try previousResult(of: container)
      previous.insert(
        ["name": .string(name), "mac": "02:00:00:00:02:01"], into: "interfaces", at: 0)
      for index in previous.objects("ips").indices {
        previous.change("ips", at: index) { $0["interface"] = $0["interface"]?.int.map { .number(JSONNumber($0 + 1)) } }
      }
      let change = lab.manifest.resultChange ?? [:]
      var result = try container.node.run(container.call(.ADD, result: previous, configuration: change)).result()
      guard let own = previous.interfaceIndex(of: name, in: container) else {
        throw Inapplicable("the plugins before the subject list no interface \(name)")
      }
      result.change("interfaces", at: own) { $0 = previous.objects("interfaces")[own] }
      try expectEquivalent(["interfaces": result["interfaces"] ?? []], to: ["interfaces": previous["interfaces"] ?? []])
    },
    ConformanceCase(
      "CHN-11", .convention, [.chained], in: .from0_3, [.delete],
      stimulus: "ADD twice and DEL once, on a container that has been added and deleted before",
      expectation: "no more is left than after a single ADD and DEL"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      try container.delete(result: container.add())
      let baseline = try node.state()
      let result = try container.add()
      try node.run(container.call(.ADD)).succeedOrFailCleanly()
      try container.delete(result: result)
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "CHN-12", .must, [.chained], in: .from0_3, [.addSuccess],
      stimulus: "ADD that changes the interface, whose hardware address and, from 1.1.0 on, MTU prevResult tells",
      expectation: "the result tells what the interface has now", judge: judgeVisibleChange
    ),
    ConformanceCase(
      "CHN-13", .convention, [.chained], in: .from0_3, [.add],
      stimulus: "ADD for an interface that is neither in the container nor in prevResult",
      expectation: "the result means the same as prevResult, or there are a clean error and no trace"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let baseline = try node.state()
      let reply = try node.run(container.call(.ADD, interface: "net7"))
      if try reply.succeedOrFailCleanly() {
        try expectEquivalent(reply.result(), to: previousResult(of: container))
      } else {
        try node.expectNoTrace(since: baseline)
      }
    },
    ConformanceCase(
      "CHN-14", .convention, [.chained], in: .from0_3, [.lifecycle],
      stimulus: "a list that has the plugin twice: ADD, ADD, DEL, DEL, on a container that has been added and deleted",
      expectation: "no more is left than after a single ADD and DEL, and changed values are the first ones again"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let change = lab.manifest.resultChange ?? [:]
      try container.delete(result: container.add(configuration: change), configuration: change)
      let baseline = try node.state()
      let first = try container.add(configuration: change)
      let reply = try node.run(container.call(.ADD, result: first, configuration: change))
      let final = try reply.succeedOrFailCleanly() ? reply.result() : first
      try container.delete(result: final, configuration: change)
      try container.delete(result: final, configuration: change)
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "CHN-15", .must, .mainAndChained, in: .from0_4,
      [.addingAttachment, .checkingAttachment, .deletingAttachment],
      stimulus:
        "ADD, CHECK and DEL of a list of main plugin, tuning, portmap and firewall, with the plugin in its place",
      expectation: "every step succeeds, the final result holds the work of all, and no trace is left", judge: judgeList
    ),
    ConformanceCase(
      "CHN-16", .must, [.chained], in: .from0_3, [.addSuccess],
      stimulus: "ADD with 2500 routes in prevResult, more than a pipe holds",
      expectation: "the result means the same as prevResult"
    ) { lab in
      let container = try lab.container()
      var previous = try previousResult(of: container)
      previous["routes"] = .array(
        (0..<2500).map { ["dst": .string("10.\(128 + $0 / 250).\($0 % 250).0/24"), "gw": .string("10.9.1.1")] })
      try expectPassedOn(previous, by: container)
    },
    ConformanceCase(
      "CHN-17", .convention, [.chained], in: .from0_3, [.addingAttachment],
      stimulus: "ADD of a list of the plugin and an independent one, and again in the other order",
      expectation: "results that mean the same, and the same state of the kernel", judge: judgeSwap
    ),
    ConformanceCase(
      "CHN-18", .convention, [.chained], in: .v0_1_0 ... .v0_2_0, [.version0_4],
      stimulus: "ADD with a prevResult of ip4 and ip6, in a version before there were lists of plugins",
      expectation: "the result means the same as prevResult, or there is a clean error 1"
    ) { lab in
      let container = try lab.container()
      let reply = try container.node.run(container.call(.ADD))
      guard try reply.succeedOrFailCleanly([1]) else { return }
      try expectEquivalent(reply.result(), to: previousResult(of: container))
    },
    ConformanceCase(
      "CHN-19", .must, [.chained], in: .from0_3, [.add],
      stimulus: "ADD for an interface that is there, as it always is for a chained plugin",
      expectation: "success, and the interface is still there: it is not taken for one that must not exist"
    ) { lab in
      let container = try lab.container()
      let name = lab.manifest.interface
      let index = try container.link(name).index
      try container.add()
      try expect(container.link(name).index == index, "\(name) is another interface now")
    },
  ]
}

private func judgeVisibleChange(_ lab: Lab) throws {
  guard let change = lab.manifest.resultChange else {
    throw Inapplicable("the manifest names no change that results tell")
  }
  let container = try lab.container()
  let name = lab.manifest.interface
  let before = try container.link(name)
  var previous = try previousResult(of: container)
  guard let own = previous.interfaceIndex(of: name, in: container) else {
    throw Inapplicable("the plugins before the subject list no interface \(name)")
  }
  previous.change("interfaces", at: own) { interface in
    interface["mac"] = .string(before.mac)
    if lab.version >= .v1_1_0 { interface["mtu"] = .number(JSONNumber(before.mtu)) }
  }
  let result = try container.node.run(container.call(.ADD, result: previous, configuration: change)).result()
  let after = try container.link(name)
  guard let index = result.interfaceIndex(of: name, in: container) else {
    throw Discrepancy("the result lists no interface \(name) in \(container.path)")
  }
  let told = result.objects("interfaces")[index]
  try expect(
    told["mac"]?.string == after.mac, "the hardware address is \(after.mac), and the result tells \(told.text)")
  guard lab.version >= .v1_1_0 else { return }
  try expect(told["mtu"]?.int == after.mtu, "the MTU is \(after.mtu), and the result tells \(told.text)")
}

extension JSONObject {
  fileprivate var text: String { JSONValue.object(self).text() }
}

/// The list is run by the reference plugins alone first: one whose CHECK fails even so is not asked to CHECK beside the
/// subject, for its failure would say nothing of it.
private func judgeList(_ lab: Lab) throws {
  if lab.manifest.interface == "lo" { throw Inapplicable("chained plugins act on interfaces that lead out") }
  let node = try lab.node()
  let reference = try ReferenceList(in: lab, interface: lab.manifest.interface)
  let broken = try namesThatFailCheck(reference, on: node)
  let container = try node.bareContainer()
  let list = try ListDriver(
    reference.including(lab.subjectEntry, isChained: lab.subject.isChained), for: container)
  let baseline = try node.state()
  let results = try list.add()
  guard let first = results.first, let final = results.last else { return }
  try expectMerged(final, from: first, in: container)
  for entry in list.entries where entry.isSubject || !broken.contains(entry.name) {
    try list.check(entry, result: final)
  }
  try list.delete(result: final)
  // The bridge and the file of the address handed out last are shared by all attachments.
  try node.expectNoTrace(since: baseline, ignoring: [ReferenceList.bridge, "last_reserved_ip"])
}

/// - Throws: `Inapplicable` if the reference plugins do not even get through ADD and DEL.
private func namesThatFailCheck(_ reference: ReferenceList, on node: LabNode) throws -> Set<String> {
  let control = try ListDriver(reference.control, for: node.bareContainer())
  do {
    let results = try control.add()
    guard let final = results.last else { return [] }
    var names: Set<String> = []
    for entry in control.entries {
      do {
        try control.check(entry, result: final)
      } catch is Discrepancy {
        names.insert(entry.name)
      }
    }
    try control.delete(result: final)
    return names
  } catch let discrepancy as Discrepancy {
    throw Inapplicable("the reference plugins fail without the subject, too: \(discrepancy.observed)")
  }
}

/// Checks that what the first plugin made is in the final result, and the hardware address that the interface has now.
private func expectMerged(_ final: JSONObject, from first: JSONObject, in container: Container) throws {
  for key in ["interfaces", "ips", "routes"] {
    // What plugins after it may change of an interface is not compared.
    let parts = [first, final].map { $0.objects(key).map { $0.patched(with: ["mac": .null, "mtu": .null]) } }
    let kept = parts[1].prefix(parts[0].count)
    try expectEquivalent([key: .array(kept.map { .object($0) })], to: [key: .array(parts[0].map { .object($0) })])
  }
  let name = container.node.lab.manifest.interface
  guard let index = final.interfaceIndex(of: name, in: container) else {
    throw Discrepancy("the final result lists no interface \(name) in \(container.path)")
  }
  let told = final.objects("interfaces")[index]["mac"]?.string
  let mac = try container.link(name).mac
  try expect(told == nil || told == mac, "the hardware address is \(mac), and the final result tells \(told ?? "none")")
}

private func judgeSwap(_ lab: Lab) throws {
  let node = try lab.node()
  let subject = lab.subjectEntry
  let container = try node.container()
  let reference = try ReferenceList(in: lab, interface: lab.manifest.interface)
  guard let partner = reference.chained.first(where: { $0.name != subject.name }) else {
    throw Inapplicable("there is no plugin to swap it with")
  }
  var results: [JSONObject] = []
  var states: [State] = []
  // The first round only leaves behind what attachments share.
  for entries in [[subject, partner], [subject, partner], [partner, subject]] {
    let list = try ListDriver(entries, for: container, since: .v0_3_0, onto: container.previous)
    guard let final = try list.add().last else { return }
    results.append(final)
    var state = try node.state()
    // Files may hold the order or the time.
    state.sections["files"] = nil
    states.append(state)
    try list.delete(result: final)
  }
  try expectEquivalent(results[2], to: results[1])
  let differences = states[2].differences(from: states[1])
  try expect(differences.isEmpty, "the other way round: \(differences.prefix(8).joined(separator: "; "))")
}
