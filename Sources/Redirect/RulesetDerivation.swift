extension Ruleset {
  /// Derives the rules from a policy.
  ///
  /// Rules without an address match see IPv4 and IPv6 alike, so both families are always captured, whatever addresses
  /// the pod has.
  ///
  /// - Parameter hasIPv6: Whether the pod is known to have an IPv6 address, so that it cannot do without `::6`.
  package init(_ policy: Policy, hasIPv6: Bool) {
    var sets = NamedSets()
    self.init(
      chains: Self.connectionChains(policy, &sets) + Self.packetChains(policy, &sets) + Self.zoneChains(policy, &sets),
      // The proxy hands inbound connections to the application from ::6. ::1/128 leaves no other loopback address to
      // bind to; all of 127/8 is local, so IPv4 needs nothing.
      localAddresses: [LocalAddress(CIDR(.magicSource(.v6)), isRequired: hasIPv6)],
      localDelivery: policy.handsOverTransparently ? .transparentProxy : nil)
    self.sets = sets.list
  }
}

// MARK: - First packets: redirects

extension Ruleset {
  private static func connectionChains(_ policy: Policy, _ sets: inout NamedSets) -> [Chain] {
    let captured = outboundChain(policy, &sets)
    return [
      inboundChain(policy, &sets),
      outputChain(policy, &sets, captured: captured?.name),
      proxyChain(policy),
      captured,
    ].compactMap { $0 }
  }

  /// Connections from outside the pod. Locally made ones never come here: their fate was settled at output.
  private static func inboundChain(_ policy: Policy, _ sets: inout NamedSets) -> Chain? {
    var rules = reroutedInterfaceRules(policy, &sets)
    if policy.mode == .redirect {
      let selection = inboundSelection(policy, &sets)
      if let selection {
        rules += policy.excludedInterfaces.map {
          Rule("interface \($0) excluded", .inputInterface(.equal, $0), verdict: .return)
        }
        rules += selection.exempt
        rules.append(
          Rule(
            "inbound to the proxy", [.transport(.equal, .tcp)] + selection.captured,
            verdict: .redirect(policy.ports.inbound)))
      }
    }
    return rules.isEmpty ? nil : Chain(.nat, .prerouting, rules: rules)
  }

  /// What a virtual machine behind the pod opens is outbound traffic, whatever ports are excluded for inbound. It
  /// comes first, as in Istio: an interface that is both rerouted and excluded is rerouted.
  private static func reroutedInterfaceRules(_ policy: Policy, _ sets: inout NamedSets) -> [Rule] {
    // TPROXY, a stage earlier, has taken what is for the pod, and has marked what else it took.
    let untaken: [Match] =
      policy.handsOverTransparently ? [.isForeign, .mark(.notEqual, LocalDelivery.transparentProxy.mark)] : []
    let captures = destinationMatches(policy, &sets)
    return policy.reroutedInterfaces.flatMap { interface in
      var rules = captures.map { label, matches in
        Rule(
          "\(label) from behind interface \(interface): to the proxy",
          [.inputInterface(.equal, interface), .transport(.equal, .tcp)] + untaken + matches,
          verdict: .redirect(policy.ports.outbound))
      }
      if policy.mode == .redirect, policy.outbound != .all {
        rules.append(
          Rule("from behind interface \(interface): not inbound", .inputInterface(.equal, interface), verdict: .return))
      }
      return rules
    }
  }

  /// Connections that the pod's own sockets open.
  private static func outputChain(_ policy: Policy, _ sets: inout NamedSets, captured: String?) -> Chain {
    var rules = policy.excludedInterfaces.map {
      Rule("interface \($0) excluded", .outputInterface(.equal, $0), verdict: .return)
    }
    if let match = sets.ports("outbound-excluded-ports", policy.excludedOutboundPorts) {
      rules.append(Rule("outbound port excluded", .transport(.equal, .tcp), match, verdict: .return))
      if policy.dns != .off, policy.excludedOutboundPorts.contains(.dns) {
        rules.append(Rule("outbound DNS excluded", .transport(.equal, .udp), match, verdict: .return))
      }
    }
    rules += policy.handOverMatches.map {
      Rule("proxy hands an inbound connection to the application", $0, verdict: .return)
    }
    rules.append(Rule("the proxy's own traffic, by user", .user(policy.proxyUser), verdict: .goto(proxyChainName)))
    rules.append(Rule("the proxy's own traffic, by group", .group(policy.proxyGroup), verdict: .goto(proxyChainName)))
    if !policy.includesLoopback {
      // A DNS server on loopback, or in the pod, is asked through the agent like any other.
      let exceptDNS: [Match] =
        policy.dns == .off ? [] : [.transport(.equal, .tcp), .destinationPort(.notEqual, .dns)]
      rules.append(
        Rule(
          "the application talks to its own pod", [.outputInterface(.equal, "lo")] + exceptDNS, verdict: .return))
    }
    if let captured {
      switch policy.ownerGroups {
      case .all(let excluded):
        if let match = sets.groups("outbound-excluded-groups", excluded) {
          rules.append(Rule("group excluded", match, verdict: .return))
        }
        rules.append(Rule("the application's outbound traffic", verdict: .goto(captured)))
      case .only(let included):
        if let match = sets.groups("outbound-included-groups", included) {
          rules.append(Rule("group included: the application's outbound traffic", match, verdict: .goto(captured)))
        }
      }
    }
    return Chain(.nat, .output, rules: rules)
  }

  private static let proxyChainName = "proxy-output"

  /// What the proxy sends goes out untouched, or it would come back to the proxy for ever. Except to the pod itself:
  /// an application that calls its own service reaches its own pod through the proxy, and that must pass the inbound
  /// listener so that inbound policy applies.
  private static func proxyChain(_ policy: Policy) -> Chain {
    var rules = [
      Rule(
        "HBONE tunnel to the own pod: the proxy listens itself", .transport(.equal, .tcp),
        .destinationPort(.equal, policy.ports.tunnel), verdict: .return)
    ]
    if policy.dns != .off, policy.mode == .redirect {
      rules.append(
        Rule(
          "the agent asks a DNS server in its own pod", .transport(.equal, .tcp), .destinationPort(.equal, .dns),
          verdict: .return))
    }
    rules += policy.loopbacks.map { loopback in
      Rule(
        "\(loopback.family): the proxy calls its own pod, so through the inbound listener",
        .outputInterface(.equal, "lo"), .destination(.notEqual, loopback), .transport(.equal, .tcp),
        verdict: .redirect(policy.ports.inbound))
    }
    return Chain(proxyChainName, .nat, rules: rules)
  }

  /// What is left of the application's traffic when all senders that are exempt are gone; nil if nothing of it is
  /// redirected.
  private static func outboundChain(_ policy: Policy, _ sets: inout NamedSets) -> Chain? {
    guard policy.ownerGroups != .only([]) else { return nil }
    var captures: [Rule] = []
    if let match = sets.ports("outbound-included-ports", policy.includedOutboundPorts) {
      captures.append(
        Rule(
          "outbound port included: to the proxy", .transport(.equal, .tcp), match,
          verdict: .redirect(policy.ports.outbound)))
    }
    captures += destinationMatches(policy, &sets).map { label, matches in
      Rule(
        "\(label): to the proxy", [.transport(.equal, .tcp)] + matches, verdict: .redirect(policy.ports.outbound))
    }
    var rules = dnsRules(policy, &sets)
    if !captures.isEmpty {
      if policy.lettingLoopbackThrough {
        rules += policy.loopbacks.map { Rule("explicit loopback", .destination(.equal, $0), verdict: .return) }
      }
      rules += sets.destinations("outbound-excluded", policy.excludedOutbound).map { family, match in
        Rule("\(family) destination excluded", match, verdict: .return)
      }
      rules += captures
    }
    return rules.isEmpty ? nil : Chain("outbound", .nat, rules: rules)
  }

  /// Questions to DNS servers. They come before everything that looks at destinations, as in Istio: an excluded prefix
  /// does not exempt DNS.
  private static func dnsRules(_ policy: Policy, _ sets: inout NamedSets) -> [Rule] {
    dnsServerMatches(policy, &sets).flatMap { match in
      [Transport.tcp, .udp].map { transport in
        Rule(
          "DNS over \(transport.rawValue.uppercased()): to the agent",
          match.destination + [.transport(.equal, transport), .destinationPort(.equal, .dns)],
          verdict: .redirect(policy.ports.dns))
      }
    }
  }
}

// MARK: - Every packet: TPROXY and invalid segments

extension Ruleset {
  private static func packetChains(_ policy: Policy, _ sets: inout NamedSets) -> [Chain] {
    var arriving: [Rule] = []
    if policy.dropsInvalid || policy.handsOverTransparently {
      arriving += policy.excludedInterfaces.map {
        Rule("interface \($0) excluded", .inputInterface(.equal, $0), verdict: .return)
      }
    }
    if policy.dropsInvalid {
      arriving.append(
        Rule("conntrack cannot place it", .transport(.equal, .tcp), .connection([.invalid]), verdict: .drop))
    }
    guard policy.handsOverTransparently, let selection = inboundSelection(policy, &sets) else {
      return arriving.isEmpty ? [] : [Chain(.mangle, .prerouting, rules: arriving)]
    }
    let mark = LocalDelivery.transparentProxy.mark
    arriving.append(Rule("what the pod sends to itself", .inputInterface(.equal, "lo"), verdict: .return))
    arriving += selection.exempt
    arriving.append(
      Rule(
        "inbound", [.transport(.equal, .tcp)] + selection.captured, verdict: .goto(transparentChainName)))
    // No rule lets go what conntrack calls established: it remembers connections that the proxy has closed, and a new
    // one with the same addresses and ports would reach the application past the proxy. The kernel looks for a socket
    // of the connection itself before it takes the listener's.
    let transparent = [
      Rule("replies to what the pod opened", .isReply, verdict: .return),
      // Only these: a mark on what is for the pod anyway would get in the way of net.ipv4.tcp_fwmark_accept and
      // src_valid_mark.
      Rule("for another address, to be delivered here", .isForeign, verdict: .setMark(mark)),
      Rule(
        "inbound to the proxy, addresses untouched", .transport(.equal, .tcp),
        verdict: .transparentProxy(policy.ports.inbound)),
      Rule("the proxy does not listen", verdict: .drop),
    ]
    // A proxy that keeps the client's address marks its connections to the application. The replies must come back to
    // the proxy, though their destination is the client.
    let leaving = [
      Rule("remember the proxy's mark", .mark(.equal, mark), verdict: .saveMark),
      Rule("the application's replies go back to the proxy", .connectionMark(.equal, mark), verdict: .setMark(mark)),
    ]
    return [
      Chain(.mangle, .prerouting, rules: arriving), Chain(.mangle, .output, rules: leaving),
      Chain(transparentChainName, .mangle, rules: transparent),
    ]
  }

  private static let transparentChainName = "transparent"
}

// MARK: - Before conntrack: DNS zones

extension Ruleset {
  /// The agent's questions to its upstream server and the application's to the agent may have the same addresses and
  /// ports once they are redirected. Zones of their own keep them from colliding in conntrack.
  private static func zoneChains(_ policy: Policy, _ sets: inout NamedSets) -> [Chain] {
    guard policy.dns != .off else { return [] }
    let owners: [(String, Match)] = [("user", .user(policy.proxyUser)), ("group", .group(policy.proxyGroup))]
    // Answers first: an application may ask from port 53, so that its answer looks like a question.
    var leaving = owners.map { label, owner in
      Rule(
        "the agent answers, by \(label)", .transport(.equal, .udp), .sourcePort(.equal, policy.ports.dns), owner,
        verdict: .setZone(applicationZone))
    }
    leaving += owners.map { label, owner in
      Rule(
        "the agent asks, by \(label)", .transport(.equal, .udp), .destinationPort(.equal, .dns), owner,
        verdict: .setZone(agentZone))
    }
    var arriving: [Rule] = []
    for match in dnsServerMatches(policy, &sets) {
      leaving.append(
        Rule(
          "the application asks", match.destination + [.transport(.equal, .udp), .destinationPort(.equal, .dns)],
          verdict: .setZone(applicationZone)))
      arriving.append(
        Rule(
          "a server answers the agent", match.source + [.transport(.equal, .udp), .sourcePort(.equal, .dns)],
          verdict: .setZone(agentZone)))
    }
    return [Chain(.raw, .prerouting, rules: arriving), Chain(.raw, .output, rules: leaving)]
  }

  private static let agentZone: UInt16 = 1
  private static let applicationZone: UInt16 = 2
}

// MARK: - What several chains ask for

extension Ruleset {
  /// Which connections from outside go to the proxy: what is exempt before, and what must hold of the rest.
  private struct InboundSelection {
    var exempt: [Rule]
    var captured: [Match]
  }

  /// Nil if none go there.
  private static func inboundSelection(_ policy: Policy, _ sets: inout NamedSets) -> InboundSelection? {
    let tunnel = policy.ports.tunnel
    var selection = InboundSelection(exempt: [], captured: [])
    switch policy.inbound {
    case .all(let excluded):
      selection.exempt.append(
        Rule(
          "HBONE tunnel: the proxy listens itself", .transport(.equal, .tcp), .destinationPort(.equal, tunnel),
          verdict: .return))
      if let match = sets.ports("inbound-excluded-ports", excluded) {
        selection.exempt.append(Rule("inbound port excluded", .transport(.equal, .tcp), match, verdict: .return))
      }
    case .only(let included):
      guard let match = sets.ports("inbound-included-ports", included.subtracting(tunnel)) else { return nil }
      selection.captured = [match]
    }
    return selection
  }

  /// The destinations whose traffic goes to the proxy, each with a label for comments.
  private static func destinationMatches(_ policy: Policy, _ sets: inout NamedSets) -> [(String, [Match])] {
    switch policy.outbound {
    case .all: [("outbound", [])]
    case .only(let prefixes):
      sets.destinations("outbound-included", prefixes).map { ("\($0) destination included", [$1]) }
    }
  }

  private struct ServerMatch {
    var destination: [Match]
    var source: [Match]
  }

  /// The DNS servers whose questions are captured; one empty match when all are.
  private static func dnsServerMatches(_ policy: Policy, _ sets: inout NamedSets) -> [ServerMatch] {
    switch policy.dns {
    case .off: []
    case .all: [ServerMatch(destination: [], source: [])]
    case .servers(let servers):
      sets.addresses("dns-servers", servers.map { CIDR($0) }).map { family, name in
        ServerMatch(destination: [.destinationInSet(family, name)], source: [.sourceInSet(family, name)])
      }
    }
  }
}

extension Policy {
  /// Whether TPROXY is asked for and has anything to do.
  fileprivate var handsOverTransparently: Bool { mode == .tproxy && capturesInbound }

  /// Whether what the application sends to its own pod comes as far as the rules on destinations.
  fileprivate var lettingLoopbackThrough: Bool {
    if case .servers = dns { true } else { includesLoopback }
  }

  /// The addresses that an application uses for itself, a prefix a family.
  fileprivate var loopbacks: [CIDR] { [loopback, CIDR(IPAddress(.v6, 1))] }

  /// What tells the proxy's connections to the application from its calls to its own pod: the source that it binds,
  /// or, where it keeps the client's address, its mark.
  fileprivate var handOverMatches: [[Match]] {
    let marked: [[Match]] =
      handsOverTransparently
      ? [
        [.outputInterface(.equal, "lo"), .transport(.equal, .tcp), .mark(.equal, LocalDelivery.transparentProxy.mark)]
      ]
      : []
    return IPFamily.allCases.map { [.outputInterface(.equal, "lo"), .source(.equal, CIDR(.magicSource($0)))] } + marked
  }
}

extension IPAddress {
  /// The source that the proxy binds for connections that it hands to the application: 127.0.0.6, ::6.
  package static func magicSource(_ family: IPFamily) -> IPAddress {
    IPAddress(family, family == .v4 ? 0x7f00_0006 : 6)
  }
}

extension Port {
  /// Where DNS servers listen.
  package static let dns = Port(53)
}

/// Collects the sets that rules refer to, each once; an empty list makes neither a set nor a match.
private struct NamedSets {
  private(set) var list: [NamedSet] = []

  private mutating func add(_ set: NamedSet) {
    if !list.contains(where: { $0.name == set.name }) { list.append(set) }
  }

  mutating func ports(_ name: String, _ ports: PortSet) -> Match? {
    guard !ports.isEmpty else { return nil }
    add(NamedSet(name, .ports(ports)))
    return .destinationPortInSet(name)
  }

  mutating func groups(_ name: String, _ groups: [GroupID]) -> Match? {
    guard !groups.isEmpty else { return nil }
    add(NamedSet(name, .groups(Set(groups).sorted { $0.rawValue < $1.rawValue })))
    return .groupInSet(name)
  }

  /// A set for each family that has a prefix.
  mutating func addresses(_ name: String, _ prefixes: [CIDR]) -> [(IPFamily, String)] {
    IPFamily.allCases.compactMap { family in
      let ranges = prefixes.ranges(family)
      guard !ranges.isEmpty else { return nil }
      let name = "\(name)-\(family == .v4 ? "ipv4" : "ipv6")"
      add(NamedSet(name, .addresses(family, ranges)))
      return (family, name)
    }
  }

  mutating func destinations(_ name: String, _ prefixes: [CIDR]) -> [(IPFamily, Match)] {
    addresses(name, prefixes).map { family, name in (family, .destinationInSet(family, name)) }
  }
}
