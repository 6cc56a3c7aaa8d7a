extension Ruleset {
  /// Derives the rules of REDIRECT mode from a policy.
  ///
  /// Rules without an address match see IPv4 and IPv6 alike, so both families are always captured, whatever addresses
  /// the pod has.
  ///
  /// - Parameter hasIPv6: Whether the pod is known to have an IPv6 address, so that it cannot do without `::6`.
  package init(_ policy: Policy, hasIPv6: Bool) {
    var sets = NamedSets()
    var chains = [Self.outputChain(policy, &sets), Self.proxyChain(policy)]
    if let inbound = Self.inboundChain(policy, &sets) { chains.insert(inbound, at: 0) }
    // The proxy hands inbound connections to the application from ::6. ::1/128 leaves no other loopback address to
    // bind to; all of 127/8 is local, so IPv4 needs nothing.
    self.init(
      sets: sets.list, chains: chains,
      localAddresses: [LocalAddress(CIDR(Loopback.magic(.v6)), isRequired: hasIPv6)])
  }

  private static let natPriority: Int32 = -100

  /// Connections from outside the pod. Locally made ones never come here: their fate was settled at output.
  private static func inboundChain(_ policy: Policy, _ sets: inout NamedSets) -> Chain? {
    var rules = [
      Rule("only TCP is redirected", .transport(.notEqual, .tcp), verdict: .return),
      Rule(
        "HBONE tunnel: the proxy listens itself", .transport(.equal, .tcp),
        .destinationPort(.equal, policy.ports.tunnel), verdict: .return),
    ]
    switch policy.inbound {
    case .all(let excluded):
      if let match = sets.ports("inbound-excluded-ports", excluded) {
        rules.append(Rule("inbound port excluded", .transport(.equal, .tcp), match, verdict: .return))
      }
      rules.append(
        Rule("inbound to the proxy", .transport(.equal, .tcp), verdict: .redirect(policy.ports.inbound)))
    case .only(let included):
      guard let match = sets.ports("inbound-included-ports", included) else { return nil }
      rules.append(
        Rule(
          "inbound port included: to the proxy", .transport(.equal, .tcp), match,
          verdict: .redirect(policy.ports.inbound)))
    }
    return Chain("prerouting", hook: Chain.Hook(.prerouting, priority: natPriority), rules: rules)
  }

  /// Connections that the pod's own sockets open.
  private static func outputChain(_ policy: Policy, _ sets: inout NamedSets) -> Chain {
    var rules = [Rule("only TCP is redirected", .transport(.notEqual, .tcp), verdict: .return)]
    if let match = sets.ports("outbound-excluded-ports", policy.excludedOutboundPorts) {
      rules.append(Rule("outbound port excluded", .transport(.equal, .tcp), match, verdict: .return))
    }
    for family in IPFamily.allCases {
      rules.append(
        Rule(
          "proxy hands an inbound connection to the application", .outputInterface(.equal, "lo"),
          .source(.equal, Loopback.magic(family)), verdict: .return))
    }
    rules.append(Rule("the proxy's own traffic", .user(.equal, policy.proxyUser), verdict: .goto(proxyChainName)))
    if !policy.includesLoopback {
      rules.append(
        Rule("the application talks to its own pod", .outputInterface(.equal, "lo"), verdict: .return))
    }
    rules.append(
      Rule("the proxy's group: its own traffic", .group(.equal, policy.proxyGroup), verdict: .goto(proxyChainName)))
    for family in IPFamily.allCases {
      rules.append(
        Rule("explicit loopback", .destination(.equal, Loopback.address(family)), verdict: .return))
    }
    for (family, match) in sets.addresses("outbound-excluded", policy.excludedOutbound) {
      rules.append(Rule("\(family.label) destination excluded", match, verdict: .return))
    }
    if let match = sets.ports("outbound-included-ports", policy.includedOutboundPorts) {
      rules.append(
        Rule(
          "outbound port included: to the proxy", .transport(.equal, .tcp), match,
          verdict: .redirect(policy.ports.outbound)))
    }
    switch policy.outbound {
    case .all:
      rules.append(
        Rule("outbound to the proxy", .transport(.equal, .tcp), verdict: .redirect(policy.ports.outbound)))
    case .only(let prefixes):
      for (family, match) in sets.addresses("outbound-included", prefixes) {
        rules.append(
          Rule(
            "\(family.label) destination included: to the proxy", match, .transport(.equal, .tcp),
            verdict: .redirect(policy.ports.outbound)))
      }
    }
    return Chain("output", hook: Chain.Hook(.output, priority: natPriority), rules: rules)
  }

  private static let proxyChainName = "proxy-output"

  /// What the proxy sends goes out untouched, or it would come back to the proxy for ever. Except to the pod itself:
  /// an application that calls its own service reaches its own pod through the proxy, and that must pass the inbound
  /// listener so that inbound policy applies.
  private static func proxyChain(_ policy: Policy) -> Chain {
    Chain(
      proxyChainName,
      rules: IPFamily.allCases.map { family in
        Rule(
          "\(family.label): the proxy calls its own pod, so through the inbound listener",
          .outputInterface(.equal, "lo"), .destination(.notEqual, Loopback.address(family)),
          .transport(.equal, .tcp), .destinationPort(.notEqual, policy.ports.tunnel),
          verdict: .redirect(policy.ports.inbound))
      })
  }
}

/// The loopback addresses with a meaning.
private enum Loopback {
  /// Where an application reaches itself: 127.0.0.1, ::1.
  static func address(_ family: IPFamily) -> IPAddress {
    IPAddress(family, family == .v4 ? 0x7f00_0001 : 1)
  }

  /// The source the proxy binds for connections that it hands to the application: 127.0.0.6, ::6.
  static func magic(_ family: IPFamily) -> IPAddress {
    IPAddress(family, family == .v4 ? 0x7f00_0006 : 6)
  }
}

/// Collects the sets that rules refer to; an empty list makes neither a set nor a rule.
private struct NamedSets {
  var list: [NamedSet] = []

  mutating func ports(_ name: String, _ ports: PortSet) -> Match? {
    guard !ports.isEmpty else { return nil }
    list.append(NamedSet(name, .ports(ports)))
    return .destinationPortInSet(name)
  }

  mutating func addresses(_ name: String, _ prefixes: [CIDR]) -> [(IPFamily, Match)] {
    var matches: [(IPFamily, Match)] = []
    for family in IPFamily.allCases {
      let ranges = prefixes.ranges(family)
      guard !ranges.isEmpty else { continue }
      let name = "\(name)-\(family == .v4 ? "ipv4" : "ipv6")"
      list.append(NamedSet(name, .addresses(family, ranges)))
      matches.append((family, .destinationInSet(family, name)))
    }
    return matches
  }
}

extension IPFamily {
  fileprivate var label: String { self == .v4 ? "IPv4" : "IPv6" }
}
