/// Where a packet goes, and which rules it met on the way.
///
/// The walk is the kernel's: the stages of each hook in their order, connection tracking after the first one, NAT for
/// the first packet of a connection only, and for what goes over `lo` both hooks.
package struct Trace: Sendable, Equatable {
  /// A rule that matched.
  package struct Step: Sendable, Equatable {
    package let chain: String
    /// The rule's place in its chain, from 1.
    package let number: Int
    package let comment: String
    package let verdict: Verdict
  }

  /// What becomes of the packet.
  package enum End: Sendable, Equatable {
    /// It goes on to its destination.
    case passes
    /// It goes to this port of the pod instead. If nobody listens there, the connection is refused.
    case redirected(Port)
    /// The pod's transparent listener on this port gets it, with its addresses as they are.
    case handedOver(Port)
    case dropped
    /// It goes wherever the first packet of its connection went.
    case followsConnection
  }

  package private(set) var steps: [Step] = []
  package private(set) var end = End.passes
  /// The packet's mark at the end.
  package private(set) var mark: UInt32
  /// The connection's mark at the end.
  package private(set) var connectionMark: UInt32
  /// The conntrack zone, 0 unless a rule chose one.
  package private(set) var zone: UInt16 = 0

  /// Walks `packet` through `ruleset`.
  ///
  /// - Parameter proxyListens: Whether the proxy has its listeners open, transparent ones for TPROXY.
  package init(_ packet: Packet, through ruleset: Ruleset, proxyListens: Bool = true) {
    mark = packet.mark
    connectionMark = packet.connectionMark
    var walk = Walk(packet, ruleset, proxyListens: proxyListens)
    end = walk.run()
    steps = walk.steps
    mark = walk.packet.mark
    connectionMark = walk.packet.connectionMark
    zone = walk.zone ?? 0
  }
}

/// A packet on its way.
private struct Walk {
  var packet: Packet
  let ruleset: Ruleset
  let proxyListens: Bool
  var steps: [Trace.Step] = []
  /// Nil until a rule has chosen one.
  var zone: UInt16?

  init(_ packet: Packet, _ ruleset: Ruleset, proxyListens: Bool) {
    self.packet = packet
    self.ruleset = ruleset
    self.proxyListens = proxyListens
  }

  mutating func run() -> Trace.End {
    routeByMark()
    let end = packet.origin == .outside ? arrive(isTracked: false) : leave()
    // NAT is asked about first packets; the others follow what it said then.
    let follows = end == .passes && packet.transport != nil && [.established, .related].contains(packet.connection)
    return follows ? .followsConnection : end
  }

  private mutating func leave() -> Trace.End {
    for stage in Chain.Stage.allCases {
      let end = walk(stage, .output)
      if stage == .mangle { routeByMark() }
      switch end {
      case .redirected(let port)?:
        // The destination is `lo`'s address now, and the packet arrives there.
        packet.interface = "lo"
        packet.destination = packet.destination.family == .v4 ? IPAddress(.v4, 0x7f00_0001) : IPAddress(.v6, 1)
        packet.destinationPort = port
        packet.isForPod = true
        return arrive(isTracked: true) == .dropped ? .dropped : .redirected(port)
      case let end?: return end
      case nil: continue
      }
    }
    return packet.interface == "lo" ? arrive(isTracked: true) : .passes
  }

  /// - Parameter isTracked: Whether the packet was in the output hook already, so that conntrack and NAT leave it alone.
  private mutating func arrive(isTracked: Bool) -> Trace.End {
    for stage in Chain.Stage.allCases where !(isTracked && stage == .nat) {
      if let end = walk(stage, .prerouting) { return end }
    }
    return .passes
  }

  /// Nil if the packet goes on to the next stage.
  private mutating func walk(_ stage: Chain.Stage, _ hook: Chain.Hook) -> Trace.End? {
    if stage == .nat, packet.connection != .new { return nil }
    var chain = ruleset.chains.first { $0.stage == stage && $0.hook == hook }
    while let current = chain {
      chain = nil
      for (index, rule) in current.rules.enumerated() where rule.matches.allSatisfy({ holds($0, hook) }) {
        if case .transparentProxy = rule.verdict, !proxyListens { continue }
        steps.append(
          Trace.Step(chain: current.name, number: index + 1, comment: rule.comment, verdict: rule.verdict))
        switch rule.verdict {
        case .setMark(let value): packet.mark = value
        case .saveMark: packet.connectionMark = packet.mark
        case .setZone(let value): zone = zone ?? value
        case .return: return nil
        case .drop: return .dropped
        case .redirect(let port): return .redirected(port)
        // Without the mark the socket is found, but the packet never comes there.
        case .transparentProxy(let port): return isDeliveredHere ? .handedOver(port) : .passes
        case .goto(let name): chain = ruleset.chains.first { $0.name == name }
        }
        if !rule.verdict.continues { break }
      }
    }
    return nil
  }

  /// A packet of the pod with the mark of local delivery has no way but `lo`.
  private mutating func routeByMark() {
    guard packet.origin != .outside, let delivery = ruleset.localDelivery, packet.mark == delivery.mark else { return }
    packet.interface = "lo"
  }

  private var isDeliveredHere: Bool { packet.isForPod || packet.mark == ruleset.localDelivery?.mark }

  private func holds(_ match: Match, _ hook: Chain.Hook) -> Bool {
    switch match {
    case .transport(let comparison, let transport): compare(comparison, packet.transport, transport)
    case .inputInterface(let comparison, let name):
      hook == .prerouting && compare(comparison, packet.interface, name)
    case .outputInterface(let comparison, let name): hook == .output && compare(comparison, packet.interface, name)
    case .source(let comparison, let prefix): compare(comparison, packet.source, prefix)
    case .destination(let comparison, let prefix): compare(comparison, packet.destination, prefix)
    case .sourceInSet(let family, let name): contains(name, packet.source, family)
    case .destinationInSet(let family, let name): contains(name, packet.destination, family)
    case .sourcePort(let comparison, let port): compare(comparison, packet.sourcePort, port)
    case .destinationPort(let comparison, let port): compare(comparison, packet.destinationPort, port)
    case .destinationPortInSet(let name):
      if case .ports(let ports)? = ruleset.set(name)?.elements { ports.contains(packet.destinationPort) } else { false }
    case .user(let user): if case .pod(user, _) = packet.origin { hook == .output } else { false }
    case .group(let group): if case .pod(_, group) = packet.origin { hook == .output } else { false }
    case .groupInSet(let name):
      if case .pod(_, let group) = packet.origin, case .groups(let groups)? = ruleset.set(name)?.elements {
        hook == .output && groups.contains(group)
      } else {
        false
      }
    case .mark(let comparison, let mark): compare(comparison, packet.mark, mark)
    case .connectionMark(let comparison, let mark): compare(comparison, packet.connectionMark, mark)
    case .connection(let states): states.contains(packet.connection)
    case .isForeign: !packet.isForPod
    case .isReply: packet.isReply
    }
  }

  private func compare<T: Equatable>(_ comparison: Comparison, _ left: T, _ right: T) -> Bool {
    (left == right) == (comparison == .equal)
  }

  private func compare(_ comparison: Comparison, _ address: IPAddress, _ prefix: CIDR) -> Bool {
    address.family == prefix.family && prefix.contains(address) == (comparison == .equal)
  }

  private func contains(_ set: String, _ address: IPAddress, _ family: IPFamily) -> Bool {
    guard address.family == family, case .addresses(family, let ranges)? = ruleset.set(set)?.elements else {
      return false
    }
    return ranges.contains { $0.contains(address) }
  }
}
