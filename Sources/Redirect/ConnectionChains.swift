extension Ruleset {
  /// The chains that decide on first packets.
  static func connectionChains(_ policy: Policy, _ sets: inout NamedSets) -> [Chain] {
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
      if policy.loopbackMeetsDestinationRules {
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
