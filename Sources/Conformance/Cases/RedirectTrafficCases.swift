import CNI
import Harness
import JSON
import System

extension Catalogue {
  /// What a redirect does to packets.
  static let redirectTrafficCases: [ConformanceCase] = [
    ConformanceCase(
      "RDR-05", .must, [.redirect], [.add],
      stimulus: "connections in both directions as soon as ADD has exited, five times",
      expectation: "they are redirected already"
    ) { lab in
      for _ in 0..<5 {
        let scene = try lab.redirectScene()
        try scene.container.add()
        try scene.expectRedirected()
      }
    },
    ConformanceCase(
      "RDR-18", .must, [.redirect], [.add],
      stimulus: "the application connects to a server outside, over IPv4",
      expectation: "the proxy gets the connection, and can read which destination was asked for"
    ) { lab in
      let scene = try lab.redirectScene()
      try scene.container.add()
      for port in RedirectScene.ports {
        for owner in [Owner.application, .root] {
          try scene.expectFromContainer(
            to: Endpoint(RedirectScene.machine[0], port), as: owner, gets: .outboundListener)
        }
      }
    },
    ConformanceCase(
      "RDR-19", .must, [.redirect], [.add],
      stimulus: "connections to a server outside under the proxy's user, and under its group",
      expectation: "they go out directly, and those under other identities do not"
    ) { lab in
      let facts = try lab.redirectFacts()
      let scene = try lab.redirectScene()
      try scene.container.add()
      let stranger: UInt32 = 4242
      for family in scene.families {
        let server = Endpoint(family.machine, 80)
        try scene.expectFromContainer(to: server, as: scene.proxy, gets: .outside)
        if let group = facts.group {
          try scene.expectFromContainer(to: server, as: Owner(user: facts.user, group: stranger), gets: .outside)
          try scene.expectFromContainer(to: server, as: Owner(user: stranger, group: group), gets: .outside)
        }
        try scene.expectFromContainer(to: server, as: Owner(user: stranger, group: stranger), gets: .outboundListener)
      }
    },
    ConformanceCase(
      "RDR-20", .must, [.redirect], [.add],
      stimulus: "the application connects to itself by 127.0.0.1, by ::1, and by the container's own addresses",
      expectation: "it gets the connections, undisturbed"
    ) { lab in
      let scene = try lab.redirectScene()
      try scene.container.add()
      for address in ["127.0.0.1", "::1"] + scene.families.map(\.own) {
        for port in RedirectScene.ports {
          try scene.expectFromContainer(to: Endpoint(address, port), gets: .application)
        }
      }
    },
    ConformanceCase(
      "RDR-21", .must, [.redirect], [.add],
      stimulus:
        "ADD for containers that exclude ports 1 and 65535, one address, overlapping prefixes, all addresses, or nothing in so many words; connections to what is excluded and to its neighbours",
      expectation: "exactly the complement is redirected", judge: judgeExclusions),
    ConformanceCase(
      "RDR-22", .must, [.redirect], [.add],
      stimulus: "connections from outside to ports of the application and to the proxy's own",
      expectation: "the proxy's listener gets the former, and the latter are reached directly"
    ) { lab in
      for wish in [nil, RedirectWish.isTransparent] where wish.map(lab.knows) ?? true {
        let scene = try lab.redirectScene(asking: wish)
        try scene.container.add()
        for family in scene.families {
          for port in RedirectScene.ports {
            try scene.expectFromOutside(to: Endpoint(family.own, port), gets: .inboundListener)
          }
          for port in try lab.redirectFacts().directPorts {
            try scene.expectFromOutside(to: Endpoint(family.own, port), gets: .directListener)
          }
        }
      }
    },
    ConformanceCase(
      "RDR-23", .must, [.redirect], [.add],
      stimulus: "ADD and connections in containers with both families, with IPv6 alone, and with IPv6 disabled",
      expectation: "each family that there is is redirected as the other one", judge: judgeFamilies),
    ConformanceCase(
      "RDR-24", .must, [.redirect], [.add],
      stimulus: "UDP and TCP to port 53, other UDP, and ICMP; without capture of DNS, then with it",
      expectation: "only what is asked for is redirected", judge: judgeDatagrams),
    ConformanceCase(
      "RDR-25", .should, [.redirect], [.add, .delete],
      stimulus: "data on connections that are open during ADD and DEL",
      expectation: "it arrives, in both directions"
    ) { lab in
      let scene = try lab.redirectScene()
      let container = scene.container
      let node = container.node.node
      var connections: [(name: String, connection: LiveConnection)] = []
      for family in scene.families {
        let outside = Endpoint(family.machine, 7000), inside = Endpoint(family.own, 7000)
        connections += [
          (
            "to \(outside) from before ADD",
            try LiveConnection(
              from: container.network(), as: .application, to: outside, in: node.network, served: .root)
          ),
          (
            "from outside to \(inside) from before ADD",
            try LiveConnection(
              from: node.network, as: .root, to: inside, in: container.network(), served: .application)
          ),
        ]
      }
      let result = try container.add()
      for (name, connection) in connections {
        try expect(connection.carriesData(), "the connection \(name) is dead after ADD")
      }
      for family in scene.families {
        let outside = Endpoint(family.machine, 7001)
        connections.append(
          (
            "of the proxy to \(outside)",
            try LiveConnection(
              from: container.network(), as: scene.proxy, to: outside, in: node.network, served: .root)
          ))
      }
      try container.delete(result: result)
      for (name, connection) in connections {
        try expect(connection.carriesData(), "the connection \(name) is dead after DEL")
      }
      try scene.expectDirect()
    },
  ]

  @Sendable private static func judgeExclusions(_ lab: Lab) throws {
    let wishes: [RedirectWish] = [
      .excludesOutboundPorts, .excludesInboundPorts, .excludesOneAddress, .excludesOverlappingPrefixes,
      .excludesAllOutbound, .excludesNothing,
    ].filter(lab.knows)
    if wishes.isEmpty { throw Inapplicable("the manifest does not say how a container excludes anything") }
    for wish in wishes {
      let scene = try lab.redirectScene(asking: wish)
      try scene.container.add()
      for family in scene.families {
        for port in RedirectScene.ports {
          let isAtAnEnd = port == 1 || port == 65535
          let isDirectOut = wish == .excludesAllOutbound || wish == .excludesOutboundPorts && isAtAnEnd
          let isDirectIn = wish == .excludesInboundPorts && isAtAnEnd
          try scene.expectFromContainer(
            to: Endpoint(family.machine, port), gets: isDirectOut ? .outside : .outboundListener)
          try scene.expectFromOutside(
            to: Endpoint(family.own, port), gets: isDirectIn ? .application : .inboundListener)
        }
        for address in RedirectScene.excludable where address.contains(":") == family.own.contains(":") {
          let isDirect =
            switch wish {
            case .excludesAllOutbound: true
            case .excludesOneAddress: ["198.51.100.7", "2001:db8:7::7"].contains(address)
            case .excludesOverlappingPrefixes:
              address.hasPrefix("198.51.100.") || address.hasPrefix("2001:db8:7:")
            default: false
            }
          try scene.expectFromContainer(to: Endpoint(address, 80), gets: isDirect ? .outside : .outboundListener)
        }
      }
    }
  }

  @Sendable private static func judgeFamilies(_ lab: Lab) throws {
    let both = try lab.redirectScene()
    try both.container.add()
    try both.expectRedirected()

    let onlyIPv6 = try lab.redirectScene()
    try onlyIPv6.container.node.tool("ip -4 address flush dev \(lab.manifest.interface)", in: onlyIPv6.container)
    try onlyIPv6.container.add(withPrevious: { $0.contains(":") })
    try onlyIPv6.expectRedirected(onlyIPv6: true)

    let onlyIPv4 = try lab.redirectScene()
    for scope in ["all", "default"] {
      try onlyIPv4.container.network().setSysctl("net/ipv6/conf/\(scope)/disable_ipv6", "1")
    }
    try onlyIPv4.container.add(withPrevious: { !$0.contains(":") })
    try onlyIPv4.expectRedirected(onlyIPv6: false)
  }

  @Sendable private static func judgeDatagrams(_ lab: Lab) throws {
    for wish in [nil, RedirectWish.capturesDNS] where wish.map(lab.knows) ?? true {
      let scene = try lab.redirectScene(asking: wish)
      try scene.container.add()
      for family in scene.families {
        let server = Endpoint(family.machine, 53)
        try scene.expectFromContainer(to: server, .udp, gets: wish == nil ? .outside : .dnsListener)
        try scene.expectFromContainer(to: server, .tcp, gets: wish == nil ? .outboundListener : .dnsListener)
        try scene.expectFromContainer(to: server, as: scene.proxy, .udp, gets: .outside)
        try scene.expectFromContainer(to: server, as: scene.proxy, .tcp, gets: .outside)
        try scene.expectFromContainer(
          to: Endpoint(family.machine, RedirectScene.datagramPort), .udp, gets: .outside)
        try expect(
          try Echo(to: family.machine).fire(in: scene.container.network()), "no ICMP echo from \(family.machine)")
        try expect(
          try Echo(to: family.own).fire(in: scene.container.node.node.network), "no ICMP echo from \(family.own)")
      }
    }
  }
}

extension Container {
  /// ADD, which is to succeed, where the plugins before have given some of the container's addresses only.
  @discardableResult
  fileprivate func add(withPrevious isGiven: (String) -> Bool) throws -> JSONObject {
    var result = previous ?? [:]
    for (key, field) in [("ips", "address"), ("routes", "dst")] {
      let entries = result[key]?.array ?? []
      result[key] = .array(entries.filter { $0[field]?.string.map(isGiven) ?? false })
    }
    let rendered = try AttachmentResult(previous: result, version: .newest).rendered(as: node.lab.version)
    return try node.run(call(.ADD, result: rendered)).result()
  }
}
