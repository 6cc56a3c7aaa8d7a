import CNI
import Harness
import JSON
import System

extension Catalogue {
  /// CHECK, STATUS and GC of a redirect.
  static let redirectCheckCases: [ConformanceCase] = [
    ConformanceCase(
      "RDR-13", .must, [.redirect], in: .from0_4, [.check],
      stimulus:
        "CHECK after later plugins have changed hardware address and MTU, and added an address and an interface",
      expectation: "exit status 0"
    ) { lab in
      let container = try lab.container()
      var result = try container.add()
      let node = container.node
      let interface = lab.manifest.interface
      let mac = "02:00:5e:00:53:77"
      try node.tool("ip link set dev \(interface) address \(mac) mtu 1400", in: container)
      try node.tool("ip address add 10.99.0.2/24 dev \(interface)", in: container)
      try node.tool("ip link add later0 type veth peer name later1", in: container)
      var interfaces = result["interfaces"]?.array ?? []
      for index in interfaces.indices where interfaces[index]["sandbox"]?.string == container.path {
        var changed = interfaces[index].object ?? [:]
        changed["mac"] = .string(mac)
        interfaces[index] = .object(changed)
      }
      interfaces.append(["name": "later0", "sandbox": .string(container.path)])
      var address: JSONObject = ["address": "10.99.0.2/24"]
      if lab.version < .v1_0_0 { address["version"] = "4" }
      result["interfaces"] = .array(interfaces)
      result["ips"] = .array((result["ips"]?.array ?? []) + [.object(address)])
      result["dns"] = ["nameservers": ["192.0.2.99"]]
      try container.check(result: result)
    },
    ConformanceCase(
      "RDR-14", .should, [.redirect], in: .from0_4, [.check],
      stimulus:
        "CHECK after everything was flushed, or one rule deleted, or one port altered, or one hook or policy rule removed",
      expectation: "a clean error each time"
    ) { lab in
      try forEachDamage(in: lab) { container, damage, result in
        let reply = try container.node.run(container.call(.CHECK, result: result))
        try expect(reply.status != .exited(0), "\(damage.name): CHECK finds nothing wrong")
        try reply.cleanError()
      }
    },
    ConformanceCase(
      "RDR-15", .must, [.redirect], in: .from0_4, [.check],
      stimulus: "CHECK after rules of others have come, and packets have been counted",
      expectation: "exit status 0"
    ) { lab in
      let scene = try lab.redirectScene()
      let container = scene.container
      let result = try container.add()
      try scene.expectRedirected()
      try container.check(result: result)
      for neighbour in RuleNeighbour.all {
        try neighbour.settle(in: container)
        try scene.expectRedirected()
        let reply = try container.node.run(container.call(.CHECK, result: result))
        try expect(reply.status == .exited(0), "beside rules of \(neighbour.name): \(reply.description)")
      }
    },
    ConformanceCase(
      "RDR-16", .should, [.redirect], in: .from0_4, [.check],
      stimulus: "as RDR-14",
      expectation: "CHECK repairs nothing: rules and routing are the same before and after"
    ) { lab in
      try forEachDamage(in: lab) { container, damage, result in
        let rules = try container.packetRules(), routing = try container.routing()
        try container.node.run(container.call(.CHECK, result: result)).succeedOrFailCleanly()
        try expectSame(try container.packetRules(), as: rules, "\(damage.name): rules after CHECK")
        try expectSame(try container.routing(), as: routing, "\(damage.name): routing after CHECK")
      }
    },
    ConformanceCase(
      "RDR-17", .must, [.redirect], in: .from0_4, [.check],
      stimulus: "CHECK after containers have changed their minds since ADD, in either direction",
      expectation: "it is judged by what ADD did: exit status 0, and an error when what ADD did is gone"
    ) { lab in
      let node = try lab.node()
      let out = try node.container(asking: .optedOut)
      let outResult = try out.add()
      try node.run(out.call(.CHECK, result: outResult, wishing: nil)).succeed()
      let into = try node.container()
      let intoResult = try into.add()
      try node.run(into.call(.CHECK, result: intoResult, wishing: .optedOut)).succeed()
      try RedirectDamage.everythingFlushed.inflict(on: into)
      let reply = try node.run(into.call(.CHECK, result: intoResult, wishing: .optedOut))
      try expect(
        reply.status != .exited(0), "opted out after ADD, and its rules are gone: CHECK finds nothing wrong")
      try reply.cleanError()
    },
    ConformanceCase(
      "RDR-35", .should, [.redirect], in: .only1_1, [.status, .garbageCollection],
      stimulus: "STATUS when something that ADD needs is missing; GC after a namespace has gone without DEL",
      expectation: "STATUS: 50 or 51, and the name of what is missing; GC: silence, and the plugin's files are gone",
      judge: judgeStatusAndGarbage),
  ]

  /// Breaks the redirect of one container after the other, in all ways.
  private static func forEachDamage(
    in lab: Lab, _ judge: (Container, RedirectDamage, JSONObject) throws -> Void
  ) throws {
    let facts = try lab.redirectFacts()
    let ports = [facts.outboundPort, facts.inboundPort]
    var names: Set<String> = []
    for wish in [nil, RedirectWish.isTransparent] where wish.map(lab.knows) ?? true {
      let node = try lab.node()
      let first = try wish.map { try node.container(asking: $0) } ?? node.container()
      let policyRules = try RedirectDamage.policyRules(of: first)
      try first.add()
      // The next container's rules have the same handles.
      let damages = try RedirectDamage.all(of: first, ports: ports, policyRulesBefore: policyRules)
      try expect(damages.count > 1, "ADD made no rule")
      for damage in damages where names.insert(damage.name).inserted {
        let container = try wish.map { try node.container(asking: $0) } ?? node.container()
        let result = try container.add()
        try damage.inflict(on: container)
        try judge(container, damage, result)
      }
    }
  }

  @Sendable private static func judgeStatusAndGarbage(_ lab: Lab) throws {
    let node = try lab.node()
    try node.run(Call(.STATUS, to: lab.subject, in: lab.version)).succeed()

    let live = try node.container()
    let result = try live.add()
    let files = try node.state().sections["files"] ?? []
    let stale = try node.container()
    try stale.add()
    try stale.remove()
    var collection = Call(.GC, to: lab.subject, in: lab.version)
    collection.configuration["cni.dev/valid-attachments"] = [
      ["containerID": .string(live.id), "ifname": .string(lab.manifest.interface)]
    ]
    try node.run(collection).succeedSilently()
    try expectSame(try node.state().sections["files"] ?? [], as: files, "files after GC")
    try live.check(result: result)

    if let kubernetes = lab.manifest.kubernetes {
      try node.tool("rm \(kubernetes.kubeconfig)")
      let name = kubernetes.kubeconfig.split(separator: "/").last.map { String($0) } ?? ""
      try node.run(Call(.STATUS, to: lab.subject, in: lab.version)).cleanError([50, 51], mentioning: [name])
    }
    for program in lab.manifest.programs {
      let call = Call(.STATUS, to: lab.subject, in: lab.version).hiding(["/usr/sbin/\(program)"])
      try lab.node().run(call).cleanError([50, 51], mentioning: [program])
    }
  }
}

extension Container {
  /// A request after the container has come to wish something else.
  fileprivate func call(
    _ verb: Command, result: JSONObject, wishing wish: RedirectWish?
  ) throws -> Call {
    let manifest = node.lab.manifest
    let now = try wish.map { wish in
      guard let known = manifest.redirect?.wishes[wish.rawValue] else {
        throw Inapplicable("the manifest does not say how a container wishes \"\(wish.rawValue)\"")
      }
      return known
    }
    node.cluster?.put(name: "pod-\(number)", uid: "uid-\(number)", wish: now?.pod ?? [:])
    var call = try call(verb, result: result)
    for key in self.wish.configuration.keys { call.configuration[key] = manifest.configuration[key] }
    call.configuration = call.configuration.patched(with: now?.configuration ?? [:])
    return call
  }
}
