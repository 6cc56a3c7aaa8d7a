import Redirect

/// The first packet of a connection, as the rules see it.
struct Packet: CustomStringConvertible {
  var isTCP: Bool
  /// Made by the pod's own socket, with this owner; nil for one that arrives.
  var owner: (user: UInt32, group: UInt32)?
  var source: IPAddress
  var destination: IPAddress
  var port: UInt16
  /// The pod's own addresses and loopback are routed over `lo`.
  var leavesThrough: String

  var description: String {
    "\(isTCP ? "tcp" : "udp") \(source) -> \(destination):\(port) over \(leavesThrough) owner \(owner.map { "\($0)" } ?? "none")"
  }
}

extension Ruleset {
  /// The port that `packet` is redirected to, or nil when it passes.
  func walk(_ packet: Packet) -> Port? {
    let point: Chain.Hook.Point = packet.owner == nil ? .prerouting : .output
    var chain = chains.first { $0.hook?.point == point }
    while let current = chain {
      chain = nil
      for rule in current.rules where rule.matches.allSatisfy({ holds($0, packet) }) {
        switch rule.verdict {
        case .return: return nil
        case .redirect(let port): return port
        case .goto(let name): chain = chains.first { $0.name == name }
        }
        break
      }
    }
    return nil
  }

  private func holds(_ match: Match, _ packet: Packet) -> Bool {
    func compare<T: Equatable>(_ comparison: Comparison, _ left: T, _ right: T) -> Bool {
      (left == right) == (comparison == .equal)
    }
    func compareAddress(_ comparison: Comparison, _ left: IPAddress, _ right: IPAddress) -> Bool {
      left.family == right.family && compare(comparison, left, right)
    }
    return switch match {
    case .transport(let comparison, let transport): compare(comparison, packet.isTCP, transport == .tcp)
    case .outputInterface(let comparison, let name): compare(comparison, packet.leavesThrough, name)
    case .source(let comparison, let address): compareAddress(comparison, packet.source, address)
    case .destination(let comparison, let address): compareAddress(comparison, packet.destination, address)
    case .destinationInSet(let family, let name):
      if case .addresses(family, let ranges)? = sets.first(where: { $0.name == name })?.elements {
        packet.destination.family == family && ranges.contains { $0.contains(packet.destination) }
      } else {
        false
      }
    case .destinationPort(let comparison, let port): compare(comparison, packet.port, port.rawValue)
    case .destinationPortInSet(let name):
      if case .ports(let ports)? = sets.first(where: { $0.name == name })?.elements {
        ports.contains(Port(packet.port))
      } else {
        false
      }
    case .user(let comparison, let user): packet.owner.map { compare(comparison, $0.user, user.rawValue) } ?? false
    case .group(let comparison, let group): packet.owner.map { compare(comparison, $0.group, group.rawValue) } ?? false
    }
  }
}

/// What must become of a packet, written down from the truth tables without looking at rules.
func oracle(_ policy: Policy, _ packet: Packet) -> Port? {
  guard packet.isTCP else { return nil }
  let port = Port(packet.port)
  guard let owner = packet.owner else {
    if port == policy.ports.tunnel { return nil }
    return switch policy.inbound {
    case .all(let excluded): excluded.contains(port) ? nil : policy.ports.inbound
    case .only(let included): included.contains(port) ? policy.ports.inbound : nil
    }
  }
  let overLoopback = packet.leavesThrough == "lo"
  let explicitLoopback = ["127.0.0.1", "::1"].contains(packet.destination.description)
  if policy.excludedOutboundPorts.contains(port) { return nil }
  if overLoopback, ["127.0.0.6", "::6"].contains(packet.source.description) { return nil }
  for isOwn in [owner.user == policy.proxyUser.rawValue, owner.group == policy.proxyGroup.rawValue] {
    if isOwn, overLoopback, !explicitLoopback, port != policy.ports.tunnel { return policy.ports.inbound }
    if !isOwn, overLoopback, !policy.includesLoopback { return nil }
    if isOwn { return nil }
  }
  if explicitLoopback || policy.excludedOutbound.contains(where: { $0.contains(packet.destination) }) { return nil }
  if policy.includedOutboundPorts.contains(port) { return policy.ports.outbound }
  return switch policy.outbound {
  case .all: policy.ports.outbound
  case .only(let prefixes): prefixes.contains { $0.contains(packet.destination) } ? policy.ports.outbound : nil
  }
}
