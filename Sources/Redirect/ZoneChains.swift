extension Ruleset {
  /// The agent's questions to its upstream server and the application's to the agent may have the same addresses and
  /// ports once they are redirected. Zones of their own keep them from colliding in conntrack.
  static func zoneChains(_ policy: Policy, _ sets: inout NamedSets) -> [Chain] {
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
