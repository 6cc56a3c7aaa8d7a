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
      localAddresses: [.proxySource(isRequired: hasIPv6)],
      localDelivery: policy.handsOverTransparently ? .transparentProxy : nil)
    self.sets = sets.list
  }
}

extension Ruleset {
  /// Which connections from outside go to the proxy: what is exempt before, and what must hold of the rest.
  struct InboundSelection {
    var exempt: [Rule]
    var captured: [Match]
  }

  /// Nil if none go there.
  static func inboundSelection(_ policy: Policy, _ sets: inout NamedSets) -> InboundSelection? {
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
  static func destinationMatches(_ policy: Policy, _ sets: inout NamedSets) -> [(String, [Match])] {
    switch policy.outbound {
    case .all: [("outbound", [])]
    case .only(let prefixes):
      sets.destinations("outbound-included", prefixes).map { ("\($0) destination included", [$1]) }
    }
  }

  struct ServerMatch {
    var destination: [Match]
    var source: [Match]
  }

  /// The DNS servers whose questions are captured; one empty match when all are.
  static func dnsServerMatches(_ policy: Policy, _ sets: inout NamedSets) -> [ServerMatch] {
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
  var handsOverTransparently: Bool { mode == .tproxy && capturesInbound }

  /// Whether what the application sends to its own pod comes as far as the rules on destinations.
  var loopbackMeetsDestinationRules: Bool {
    if case .servers = dns { true } else { includesLoopback }
  }

  /// The addresses that an application uses for itself, a prefix a family.
  var loopbacks: [CIDR] { [loopback, CIDR(IPAddress(.v6, 1))] }

  /// What tells the proxy's connections to the application from its calls to its own pod: the source that it binds,
  /// or, where it keeps the client's address, its mark.
  var handOverMatches: [[Match]] {
    let marked: [[Match]] =
      handsOverTransparently
      ? [[.outputInterface(.equal, "lo"), .mark(.equal, LocalDelivery.transparentProxy.mark)]] : []
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
