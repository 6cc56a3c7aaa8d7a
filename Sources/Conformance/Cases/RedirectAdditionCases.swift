import CNI
import Harness
import JSON
import Netlink
import System

extension Catalogue {
  /// ADD of a redirect: what it returns, and whom it leaves alone.
  static let redirectAdditionCases: [ConformanceCase] = [
    ConformanceCase(
      "RDR-01", .must, [.redirect], each: true, [.addSuccess],
      stimulus:
        "ADD of containers that want the redirect and that do not, after plugins that returned much, little, odd things, and the newest fields",
      expectation: "the result is equivalent to prevResult"
    ) { lab in
      let wishes = [nil, RedirectWish.optedOut].filter { $0.map(lab.knows) ?? true }
      for (name, change) in previousResults(in: lab.version) {
        for wish in wishes {
          let node = try lab.node()
          let container = try wish.map { try node.container(asking: $0) } ?? node.container()
          let previous = try container.rendered(change)
          let result = try node.run(container.call(.ADD, result: previous)).result()
          if let difference = Equivalence.difference(previous, result) {
            throw Discrepancy("after a result with \(name)\(wish == nil ? "" : ", opted out"): \(difference)")
          }
        }
      }
    },
    ConformanceCase(
      "RDR-04", .must, [.redirect], [.add, .check, .delete],
      stimulus: "ADD, CHECK and DEL of a container that does not want the redirect",
      expectation: "exit status 0, an equivalent result, and no trace in the kernel at any time"
    ) { lab in
      let node = try lab.node()
      let container = try node.container(asking: .optedOut)
      let scene = try RedirectScene(container)
      let baseline = try node.state()
      let result = try container.add()
      try expectEquivalent(result, to: container.previousResult(in: lab.version) ?? [:])
      try node.expectNoTrace(since: baseline, ignoring: ["^. files: "])
      try scene.expectDirect()
      if lab.version >= .v0_4_0 { try container.check(result: result) }
      try node.expectNoTrace(since: baseline, ignoring: ["^. files: "])
      try container.delete(result: result)
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "RDR-08", .convention, [.redirect], [.lifecycle],
      stimulus: "the same ADD twice",
      expectation: "one copy of every rule after a success as after a clean error, and the redirect works"
    ) { lab in
      let scene = try lab.redirectScene()
      let container = scene.container
      try container.add()
      let rules = try container.packetRules(), routing = try container.routing()
      try container.node.run(container.call(.ADD)).succeedOrFailCleanly()
      try expectSame(try container.packetRules(), as: rules, "rules after the second ADD")
      try expectSame(try container.routing(), as: routing, "routing after the second ADD")
      try scene.expectRedirected()
    },
    ConformanceCase(
      "RDR-27", .should, [.redirect], in: .from0_3, [.lifecycle],
      stimulus: "ADD for eth0, ADD and DEL for a second interface of the container, then DEL for eth0",
      expectation: "no rule stands twice, what came in by eth0 stays redirected, and nothing is left in the end",
      judge: judgeSecondAttachment),
    ConformanceCase(
      "RDR-28", .should, [.redirect], [.conventions],
      stimulus: "CNI_ARGS without a pod's names, with unknown keys and no IgnoreUnknown, and with = in a value",
      expectation: "without names ADD passes prevResult on; the others succeed or fail cleanly without trace"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let baseline = try node.state()
      for arguments in ["", "IgnoreUnknown=1", "IgnoreUnknown=1;FOO=BAR"] {
        var call = try container.call(.ADD)
        call.environment["CNI_ARGS"] = arguments
        let result = try node.run(call).result()
        try expectEquivalent(result, to: container.previousResult(in: lab.version) ?? [:])
        try container.delete(result: result)
      }
      for extra in ["FOO=BAR", "IgnoreUnknown=1;K8S_POD_LABEL=a=b", "IgnoreUnknown=1;FOO"] {
        var call = try container.call(.ADD)
        let names = container.arguments.split(separator: ";").filter { !$0.hasPrefix("IgnoreUnknown") }
        call.environment["CNI_ARGS"] = (names + [Substring(extra)]).joined(separator: ";")
        if try node.run(call).succeedOrFailCleanly() {
          try container.delete()
        } else {
          try node.expectNoTrace(since: baseline)
        }
      }
    },
    ConformanceCase(
      "RDR-33", .must, [.redirect], each: true, [.addSuccess],
      stimulus: "ADD without prevResult, as the only plugin of its list",
      expectation: "a valid result in the version asked, or a clean error"
    ) { lab in
      for wish in [nil, RedirectWish.optedOut] where wish.map(lab.knows) ?? true {
        let node = try lab.node()
        let container = try wish.map { try node.container(asking: $0) } ?? node.container()
        var call = try container.call(.ADD)
        call.configuration["prevResult"] = nil
        let reply = try node.run(call)
        guard try reply.succeedOrFailCleanly() else { continue }
        let result = try reply.result()
        try expect(result["cniVersion"]?.string == lab.version.rawValue, reply.description)
        let lists = ["interfaces", "ips", "routes"]
        for key in result.keys where key != "cniVersion" && key != "dns" {
          let isKnown =
            lab.version < .v0_3_0
            ? ["ip4", "ip6"].contains(key) && result[key]?["ip"]?.string != nil
            : lists.contains(key) && (result[key]?.array != nil || result[key] == .null)
          try expect(isKnown, "\"\(key)\" in \(reply.description)")
        }
        try expect(result["dns"].map { $0.object != nil } ?? true, reply.description)
      }
    },
    ConformanceCase(
      "RDR-34", .should, [.redirect], in: .from0_3, [.addSuccess],
      stimulus: "ADD with a prevResult that has no ips, and with one that has no interfaces",
      expectation: "an equivalent result, and IPv4 is redirected in both directions"
    ) { lab in
      for key in ["ips", "interfaces"] {
        let scene = try lab.redirectScene()
        let previous = try scene.container.rendered { result in
          result[key] = nil
          if key == "interfaces" { result.changeAll("ips") { $0["interface"] = nil } }
        }
        let result = try scene.container.node.run(scene.container.call(.ADD, result: previous)).result()
        try expectEquivalent(result, to: previous)
        try scene.expectRedirected(onlyIPv6: false)
      }
    },
    ConformanceCase(
      "RDR-37", .convention, [.redirect], [.parameters],
      stimulus: "ADD for a network namespace that a child user namespace owns",
      expectation: "the redirect works, or a clean error"
    ) { lab in
      let facts = try lab.redirectFacts()
      let node = try lab.node()
      let container = try node.container()
      let server = Endpoint(RedirectScene.machine[0], 80)
      let route = try NetlinkSocket.open(.route, in: node.node.network)
      try Addresses.add("\(server.address)/32", to: .loopback, through: route)
      let owner = try UserNamespaceOwner(on: node)
      try owner.network.setLoopbackUp()
      try node.node.network.join(
        WireEnd(interface: "user0", addresses: ["10.8.0.1"]), to: owner.network,
        WireEnd(interface: lab.manifest.interface, addresses: ["10.8.0.2"]))
      try owner.network.addDefaultRoutes(["10.8.0.1"])
      let proxy = try PodService(
        RedirectScene.Receiver.outboundListener.rawValue, ports: [facts.outboundPort],
        owner: RedirectScene.proxy(facts), in: owner.network)
      defer { proxy.close() }
      var call = try container.call(.ADD)
      call.environment["CNI_NETNS"] = owner.path
      guard try node.run(call).succeedOrFailCleanly() else { return }
      let outcome = Probe(to: server, as: .application).fire(in: owner.network)
      guard case .answered(let answer) = outcome, answer.service == proxy.name else {
        throw Discrepancy("ADD succeeded, and a connection to \(server) ended otherwise: \(outcome)")
      }
    },
  ]

  /// Changes of a result, by name, as different plugins would have returned it.
  private static func previousResults(
    in version: SpecVersion
  ) -> [(name: String, change: (inout JSONObject) -> Void)] {
    let all: [(name: String, change: (inout JSONObject) -> Void)] = [
      ("everything in it", { _ in }),
      ("no dns", { $0["dns"] = nil }),
    ]
    // Results below 0.3.0 have no lists.
    guard version >= .v0_3_0 else { return all }
    let listed: [(name: String, change: (inout JSONObject) -> Void)] = [
      (
        "addresses alone",
        { result in
          for key in ["interfaces", "routes", "dns"] { result[key] = nil }
          result.changeAll("ips") { $0["interface"] = nil }
        }
      ),
      (
        "no address",
        { result in
          for key in ["ips", "routes", "dns"] { result[key] = nil }
        }
      ),
      (
        "200 entries a list",
        { result in
          for number in 0..<200 {
            result.append("interfaces", ["name": .string("veth\(number)")])
            result.append("ips", ["address": .string("172.16.\(number).5/24"), "interface": 1])
            result.append("routes", ["dst": .string("172.17.\(number).0/24")])
          }
        }
      ),
      (
        "its lists in an odd order",
        { result in
          result["ips"] = (result["ips"]?.array).map { .array($0.reversed()) }
          result["routes"] = (result["routes"]?.array).map { .array($0.reversed()) }
          result["interfaces"] = (result["interfaces"]?.array).map { .array($0 + $0.reversed()) }
          result = JSONObject(result.members.reversed().map { ($0.key, $0.value) })
        }
      ),
    ]
    guard version >= .v1_1_0 else { return all + listed }
    return all + listed + [
      (
        "the fields of 1.1.0",
        { result in
          result.changeAll("interfaces") { interface in
            interface["mtu"] = 1400
            interface["socketPath"] = "/run/vhost.sock"
            interface["pciID"] = "0000:3b:00.2"
          }
          result.changeAll("routes") { route in
            for key in ["mtu", "advmss", "priority"] { route[key] = 1000 }
            route["table"] = 0
            route["scope"] = 0
          }
        }
      )
    ]
  }

  @Sendable private static func judgeSecondAttachment(_ lab: Lab) throws {
    let scene = try lab.redirectScene()
    let container = scene.container
    let node = container.node
    try node.node.network.join(
      WireEnd(interface: "vnet1", addresses: ["10.12.0.1"]), to: container.network(),
      WireEnd(interface: "net1", addresses: ["10.12.0.2"]))
    let baseline = try node.state()
    let first = try container.add()
    let once = try container.packetRules()
    let second: JSONObject = [
      "interfaces": [["name": "net1", "sandbox": .string(container.path)]],
      "ips": [["interface": 0, "address": "10.12.0.2/24"]],
    ]
    let previous = try AttachmentResult(previous: second, version: .newest).rendered(as: lab.version)
    let result = try node.run(container.call(.ADD, interface: "net1", result: previous)).result()
    let both = try container.packetRules()
    for rule in Set(once) where rule.contains(where: \.isLetter) {
      try expect(
        both.count { $0 == rule } <= once.count { $0 == rule }, "stands twice after the second ADD: \(rule)")
    }
    try scene.expectRedirected()
    try container.delete(interface: "net1", result: result)
    try scene.expectRedirected()
    try container.delete(result: first)
    try node.expectNoTrace(since: baseline)
  }
}

/// Checks that two lists of lines are equal, and names the first that is not.
func expectSame(_ lines: [String], as wanted: [String], _ what: String) throws {
  for change in lines.difference(from: wanted) {
    switch change {
    case .insert(_, let line, _): throw Discrepancy("\(what): new is \(line)")
    case .remove(_, let line, _): throw Discrepancy("\(what): lost is \(line)")
    }
  }
}

extension Container {
  /// What the plugins before the subject have made, changed, as a result of the lab's version.
  func rendered(_ change: (inout JSONObject) -> Void) throws -> JSONObject {
    var result = previous ?? [:]
    change(&result)
    return try AttachmentResult(previous: result, version: .newest).rendered(as: node.lab.version)
  }
}

extension JSONObject {
  /// Changes every object of the list at `key`.
  fileprivate mutating func changeAll(_ key: String, _ change: (inout JSONObject) -> Void) {
    self[key] = (self[key]?.array).map { elements in
      .array(
        elements.map { element in
          guard var object = element.object else { return element }
          change(&object)
          return .object(object)
        })
    }
  }

  fileprivate mutating func append(_ key: String, _ element: JSONObject) {
    self[key] = .array((self[key]?.array ?? []) + [.object(element)])
  }
}
