package import Redirect

/// What must become of a packet, written down from the tables of what sidecar redirection means, without a look at
/// rules: settings and packet in, end out.
package struct Oracle: Sendable {
  private let policy: Policy
  private let proxyListens: Bool

  package init(_ configuration: Configuration) {
    policy = configuration.policy
    proxyListens = configuration.proxyListens
  }

  package func answer(_ packet: Packet) -> Trace.End {
    switch packet.origin {
    case .outside: return arriving(packet)
    case .pod(let user, let group): return leaving(packet, user, group)
    }
  }

  // MARK: From outside

  private func arriving(_ packet: Packet) -> Trace.End {
    guard packet.transport == .tcp else { return .passes }
    let isInvalid = packet.connection == .invalid
    if isInvalid, policy.dropsInvalid, !isExcluded(packet.interface) { return .dropped }
    let goesToProxy = isInbound(packet.destinationPort)
    if policy.mode == .tproxy, goesToProxy, !isExcluded(packet.interface) {
      return proxyListens ? .handedOver(policy.ports.inbound) : .dropped
    }
    // NAT has no part in what conntrack cannot place.
    if isInvalid { return .passes }
    let isOutbound = policy.mode == .redirect || !policy.capturesInbound || !packet.isForPod
    if isOutbound, policy.reroutedInterfaces.contains(packet.interface) {
      return isIncluded(packet.destination) ? .redirected(policy.ports.outbound) : .passes
    }
    if policy.mode == .redirect, goesToProxy, !isExcluded(packet.interface) { return .redirected(policy.ports.inbound) }
    return .passes
  }

  private func isInbound(_ port: Port) -> Bool {
    if port == policy.ports.tunnel { return false }
    return switch policy.inbound {
    case .all(let excluded): !excluded.contains(port)
    case .only(let included): included.contains(port)
    }
  }

  // MARK: From the pod

  private func leaving(_ packet: Packet, _ user: UserID, _ group: GroupID) -> Trace.End {
    if packet.connection == .invalid { return policy.dropsInvalid && packet.interface == "lo" ? .dropped : .passes }
    let port = packet.destinationPort
    let isTCP = packet.transport == .tcp
    let isDNS = policy.dns != .off && port == .dns && packet.transport != nil
    guard isTCP || isDNS else { return .passes }
    if isExcluded(packet.interface) || policy.excludedOutboundPorts.contains(port) { return .passes }
    let isLocal = packet.interface == "lo"
    if isLocal, packet.source == .magicSource(packet.source.family) { return .passes }
    if policy.mode == .tproxy, policy.capturesInbound, packet.mark == LocalDelivery.transparentProxy.mark {
      return .passes
    }
    if user == policy.proxyUser || group == policy.proxyGroup {
      let asksOwnServer = isDNS && policy.mode == .redirect
      let callsItself = isLocal && isTCP && !isLoopback(packet.destination) && port != policy.ports.tunnel
      return callsItself && !asksOwnServer ? .redirected(policy.ports.inbound) : .passes
    }
    if isLocal, !policy.includesLoopback, !isDNS { return .passes }
    switch policy.ownerGroups {
    case .all(let excluded): if excluded.contains(group) { return .passes }
    case .only(let included): if !included.contains(group) { return .passes }
    }
    switch policy.dns {
    case .all where isDNS: return .redirected(policy.ports.dns)
    case .servers(let servers) where isDNS && servers.contains(packet.destination):
      return .redirected(policy.ports.dns)
    default: break
    }
    guard isTCP, !isLoopback(packet.destination),
      !policy.excludedOutbound.contains(where: { $0.contains(packet.destination) })
    else { return .passes }
    return policy.includedOutboundPorts.contains(port) || isIncluded(packet.destination)
      ? .redirected(policy.ports.outbound) : .passes
  }

  private func isExcluded(_ interface: String) -> Bool { policy.excludedInterfaces.contains(interface) }

  private func isLoopback(_ address: IPAddress) -> Bool {
    policy.loopback.contains(address) || address == IPAddress(.v6, 1)
  }

  private func isIncluded(_ address: IPAddress) -> Bool {
    switch policy.outbound {
    case .all: true
    case .only(let prefixes): prefixes.contains { $0.contains(address) }
    }
  }
}
