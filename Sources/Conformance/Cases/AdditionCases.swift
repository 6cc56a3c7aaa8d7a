import CNI
import JSON

extension Catalogue {
  /// ADD by plugins that make interfaces or hand out addresses.
  static let additionCases =
    (additionResultCases + additionOrderCases + additionEnvironmentCases + additionFailureCases)
    .sorted { $0.id < $1.id }

  /// Whether results tell what is there.
  private static let additionResultCases: [ConformanceCase] = [
    ConformanceCase(
      "ADD-01", .must, [.main], in: .from0_3, [.add, .addSuccess],
      stimulus: "ADD",
      expectation: "the interface of CNI_IFNAME exists, and one entry of interfaces has its name and CNI_NETNS"
    ) { lab in
      let container = try lab.container()
      let result = try container.add()
      let name = lab.manifest.interface
      let names = try container.node.interfaces(in: container).map(\.name)
      try expect(names.contains(name), "no \(name) in the container, but \(names.joined(separator: ", "))")
      let count = result.interfaceEntries.count { container.isOwn($0) }
      try expect(count == 1, "\(count) entries for \(name) in \(JSONValue.object(result).text())")
    },
    ConformanceCase(
      "ADD-02", .should, [.main], in: .from0_3, [.addSuccess],
      stimulus: "ADD for eight containers",
      expectation: "each reported mac is the kernel's, on the node, too"
    ) { lab in
      let node = try lab.node()
      for _ in 0..<8 {
        let container = try node.container()
        for entry in try container.add().interfaceEntries {
          guard let reported = entry["mac"]?.string, !reported.isEmpty else { continue }
          let kernel = try node.interface(listedAs: entry, in: container)
          try expect(
            reported.lowercased() == kernel.hardwareAddress,
            "\(kernel.name) has \(kernel.hardwareAddress), and \(reported) is reported")
        }
      }
    },
    ConformanceCase(
      "ADD-03", .must, [.main], in: .from0_3, [.addSuccess],
      stimulus: "ADD",
      expectation: "each index of ips is one of interfaces, that one has the address, and each route exists"
    ) { lab in
      let container = try lab.container()
      let result = try container.add()
      let faults = ResultShape(version: lab.version).indexFaults(in: result)
      try expect(faults.isEmpty, faults.joined(separator: "; "))
      for ip in result["ips"]?.array ?? [] { try container.expectAddress(ip, of: result) }
      for route in result["routes"]?.array ?? [] { try container.expectRoute(route) }
    },
    ConformanceCase(
      "ADD-04", .should, [.main], in: .only1_1, [.addSuccess],
      stimulus: "ADD",
      expectation: "the mtu of the container's interface is reported, and each reported mtu is the kernel's"
    ) { lab in
      let container = try lab.container()
      let entries = try container.add().interfaceEntries
      try expect(entries.contains { container.isOwn($0) && $0["mtu"]?.int != nil }, "no mtu is reported")
      for entry in entries {
        guard let reported = entry["mtu"]?.int else { continue }
        let kernel = try container.node.interface(listedAs: entry, in: container)
        try expect(reported == kernel.mtu, "\(kernel.name) has an mtu of \(kernel.mtu), and \(reported) is reported")
      }
    },
    ConformanceCase(
      "ADD-11", .unmetMust, [.main], in: .from0_3, [.add, .addSuccess],
      stimulus: "ADD with a prevResult of another plugin, which has made an interface",
      expectation: "its interface, address and route are in the result"
    ) { lab in
      let container = try lab.container()
      try container.node.makeForeignInterface("other0", in: container)
      let previous = container.otherAttachment(in: lab.version)
      let result = try container.node.run(container.call(.ADD, result: previous)).result()
      let position = result.interfaceEntries.firstIndex { $0["name"] == "other0" && $0["sandbox"] != nil }
      guard let position else { throw Discrepancy("the other interface is not in \(JSONValue.object(result).text())") }
      let hasAddress = result["ips"]?.array?.contains {
        $0["address"] == "192.0.2.2/24" && $0["interface"]?.int == position
      }
      try expect(hasAddress == true, "the other address is not in \(JSONValue.object(result).text())")
      let hasRoute = result["routes"]?.array?.contains { $0["dst"] == "198.51.100.0/24" }
      try expect(hasRoute == true, "the other route is not in \(JSONValue.object(result).text())")
    },
    ConformanceCase(
      "ADD-12", .should, [.main], [.addSuccess],
      stimulus: "ADD with a delegate that returns dns; then with dns in the configuration, too",
      expectation: "the delegate's dns is in the result; the configuration's replaces it"
    ) { lab in
      for (configured, wanted) in [(nil, "192.0.2.51"), ("192.0.2.52", "192.0.2.52")] as [(String?, String)] {
        let container = try lab.container()
        let stub = try StubDelegate(on: container.node)
        var answer = StubDelegate.addresses(in: lab.version).object ?? [:]
        answer["dns"] = ["nameservers": ["192.0.2.51"]]
        try stub.answer(.ADD, output: JSONValue.object(answer).text())
        var change = try lab.delegating(to: stub)
        change["dns"] = configured.map { ["nameservers": [.string($0)]] }
        let result = try container.node.run(container.call(.ADD, configuration: change).delegating(to: stub)).result()
        let servers = result["dns"]?["nameservers"]
        try expect(
          servers == [.string(wanted)],
          "nameservers are \(servers?.text() ?? "absent"), not \(wanted), with \(configured ?? "none") configured")
      }
    },
    ConformanceCase(
      "ADD-17", .should, .mainAndIPAM, in: .from0_3, [.addSuccess],
      stimulus: "ADD, CHECK and DEL with ranges of both families, as the manifest should have them",
      expectation: "addresses of both families, exit status 0 of CHECK and DEL, and no trace"
    ) { lab in
      guard lab.subject.role == .ipam || lab.manifest.delegate != nil else {
        throw Inapplicable("the plugin takes no addresses from a range")
      }
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let baseline = try node.state()
      let result = try container.add()
      let families = Set(result.resultAddresses.compactMap { NetworkPrefix($0)?.isIPv6 })
      try expect(families.count == 2, "addresses are \(result.resultAddresses.joined(separator: ", "))")
      if lab.version >= .v0_4_0 { try container.check(result: result) }
      try container.delete(result: result)
      try node.expectNoTrace(since: baseline)
    },
  ]
}

extension JSONObject {
  fileprivate var interfaceEntries: [JSONValue] { self["interfaces"]?.array ?? [] }
}

extension Container {
  /// Whether an entry of a result is for the interface that the plugin was to make.
  fileprivate func isOwn(_ entry: JSONValue) -> Bool {
    entry["name"]?.string == node.lab.manifest.interface && entry["sandbox"]?.string == path
  }

  /// What a plugin would have returned that has made `other0` in the container.
  fileprivate func otherAttachment(in version: SpecVersion) -> JSONObject {
    var ip: JSONObject = ["interface": 0, "address": "192.0.2.2/24", "gateway": "192.0.2.1"]
    if version < .v1_0_0 { ip["version"] = "4" }
    return [
      "cniVersion": .string(version.rawValue),
      "interfaces": [["name": "other0", "sandbox": .string(path)]],
      "ips": [.object(ip)],
      "routes": [["dst": "198.51.100.0/24", "gw": "192.0.2.1"]],
    ]
  }

  /// Checks that the interface of an address has it; one without an index is the interface that was asked for.
  fileprivate func expectAddress(_ ip: JSONValue, of result: JSONObject) throws {
    let own: JSONValue = ["name": .string(node.lab.manifest.interface), "sandbox": .string(path)]
    let entry = ip["interface"]?.int.map { result.interfaceEntries[$0] } ?? own
    let kernel = try node.interface(listedAs: entry, in: self)
    let reported = ip["address"]?.string ?? "no address"
    let wanted = NetworkPrefix(reported)
    try expect(
      wanted != nil && kernel.addresses.contains { NetworkPrefix($0) == wanted },
      "\(kernel.name) has \(kernel.addresses.joined(separator: ", ")), and \(reported) is reported")
  }

  /// Checks that the container has a route.
  fileprivate func expectRoute(_ route: JSONValue) throws {
    guard let destination = route["dst"]?.string, let prefix = NetworkPrefix(destination) else {
      throw Discrepancy("a route to nowhere is reported: \(route.text())")
    }
    let family = prefix.isIPv6 ? "-6" : "-4"
    let found = try node.tool("ip \(family) route show table all to exact \(destination)", in: self)
    try expect(!found.isEmpty, "there is no route to \(destination)")
    guard let gateway = route["gw"]?.string, let wanted = NetworkPrefix.bytes(of: gateway) else { return }
    let gateways = found.matches(of: #/ via ([0-9a-f.:]+)/#).compactMap { NetworkPrefix.bytes(of: String($0.1)) }
    try expect(gateways.contains(wanted), "the route to \(destination) is \(found), not via \(gateway)")
  }
}
