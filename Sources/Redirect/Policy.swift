/// What is redirected in a meshed pod: every setting read, checked and with its default filled in.
///
/// Source: the knobs and defaults of Istio's sidecar injection annotations.
package struct Policy: Sendable, Equatable {
  /// Everything except a few, or a few only.
  package enum Inbound: Sendable, Equatable {
    case all(except: PortSet)
    case only(PortSet)
  }

  /// The destinations whose traffic goes to the proxy.
  package enum Destinations: Sendable, Equatable {
    case all
    case only([CIDR])
  }

  package var inbound: Inbound
  package var outbound: Destinations
  package var excludedOutbound: [CIDR]
  /// Redirected even to destinations outside `outbound`.
  package var includedOutboundPorts: PortSet
  package var excludedOutboundPorts: PortSet
  /// The identity of the proxy's own sockets, whose traffic must not come back to it.
  package var proxyUser: UserID
  package var proxyGroup: GroupID
  package var ports: ProxyPorts

  package init(
    inbound: Inbound, outbound: Destinations, excludedOutbound: [CIDR] = [],
    includedOutboundPorts: PortSet = PortSet(), excludedOutboundPorts: PortSet = PortSet(),
    proxyUser: UserID = .defaultProxy, proxyGroup: GroupID = .defaultProxy, ports: ProxyPorts = ProxyPorts()
  ) {
    self.inbound = inbound
    self.outbound = outbound
    self.excludedOutbound = excludedOutbound
    self.includedOutboundPorts = includedOutboundPorts
    self.excludedOutboundPorts = excludedOutboundPorts
    self.proxyUser = proxyUser
    self.proxyGroup = proxyGroup
    self.ports = ports
  }

  /// Whether a prefix that starts at a loopback address is asked for, which turns off the rule that lets a pod talk to
  /// itself undisturbed.
  package var includesLoopback: Bool {
    if case .only(let prefixes) = outbound { prefixes.contains(where: \.address.isLoopback) } else { false }
  }
}

/// The proxy's listeners.
package struct ProxyPorts: Sendable, Equatable {
  package var outbound = Port(15001)
  package var inbound = Port(15006)
  /// HBONE, which the proxy terminates itself.
  package var tunnel = Port(15008)
  /// Agent status and merged metrics, Envoy's readiness, Envoy's metrics: reached directly by kubelet and Prometheus.
  package var health = PortSet(Port(15020), Port(15021), Port(15090))

  package init() {}
}

extension UserID {
  /// The user that injected proxies run as.
  package static let defaultProxy = UserID(1337)
}

extension GroupID {
  /// The group that injected proxies run as.
  package static let defaultProxy = GroupID(1337)
}
