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

  /// How connections from outside reach the proxy.
  package enum Mode: String, Sendable, Equatable, CaseIterable {
    /// Their destination becomes the proxy's listener.
    case redirect = "REDIRECT"
    /// They keep both addresses, and the proxy's transparent listener gets them.
    case tproxy = "TPROXY"
  }

  /// Which questions to DNS servers go to the proxy's agent.
  package enum DNSCapture: Sendable, Equatable {
    case off
    /// All to port 53.
    case all
    /// Those to these servers.
    case servers([IPAddress])
  }

  /// Whose traffic is redirected, by the group of the sending socket.
  package enum OwnerGroups: Sendable, Equatable {
    case all(except: [GroupID])
    case only([GroupID])
  }

  package var mode: Mode
  package var inbound: Inbound
  package var outbound: Destinations
  package var excludedOutbound: [CIDR]
  /// Redirected even to destinations outside `outbound`.
  package var includedOutboundPorts: PortSet
  package var excludedOutboundPorts: PortSet
  /// Interfaces that are left alone in both directions.
  package var excludedInterfaces: [String]
  /// Interfaces behind which virtual machines are: what arrives there is the pod's outbound traffic.
  package var reroutedInterfaces: [String]
  package var ownerGroups: OwnerGroups
  package var dns: DNSCapture
  /// Whether TCP segments that conntrack cannot place are dropped. They bypass NAT, and the pod's stack would reset
  /// the connection that they belong to.
  package var dropsInvalid: Bool
  /// Where an application reaches itself over IPv4. Over IPv6 that is ::1.
  package var loopback: CIDR
  /// The identity of the proxy's own sockets, whose traffic must not come back to it.
  package var proxyUser: UserID
  package var proxyGroup: GroupID
  package var ports: ProxyPorts

  package init(
    mode: Mode = .redirect, inbound: Inbound, outbound: Destinations, excludedOutbound: [CIDR] = [],
    includedOutboundPorts: PortSet = PortSet(), excludedOutboundPorts: PortSet = PortSet(),
    excludedInterfaces: [String] = [], reroutedInterfaces: [String] = [],
    ownerGroups: OwnerGroups = .all(except: []), dns: DNSCapture = .off, dropsInvalid: Bool = false,
    loopback: CIDR = .loopback, proxyUser: UserID = .defaultProxy, proxyGroup: GroupID = .defaultProxy,
    ports: ProxyPorts = ProxyPorts()
  ) {
    self.mode = mode
    self.inbound = inbound
    self.outbound = outbound
    self.excludedOutbound = excludedOutbound
    self.includedOutboundPorts = includedOutboundPorts
    self.excludedOutboundPorts = excludedOutboundPorts
    self.excludedInterfaces = excludedInterfaces
    self.reroutedInterfaces = reroutedInterfaces
    self.ownerGroups = ownerGroups
    self.dns = dns
    self.dropsInvalid = dropsInvalid
    self.loopback = loopback
    self.proxyUser = proxyUser
    self.proxyGroup = proxyGroup
    self.ports = ports
  }

  /// Whether any connection from outside goes to the proxy.
  package var capturesInbound: Bool {
    if case .only(let ports) = inbound { !ports.subtracting(self.ports.tunnel).isEmpty } else { true }
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
  /// The agent's DNS server, on the loopback address.
  package var dns = Port(15053)
  /// Agent status and merged metrics, Envoy's readiness, Envoy's metrics: reached directly by kubelet and Prometheus.
  package var health = PortSet(Port(15020), Port(15021), Port(15090))

  package init() {}
}

extension CIDR {
  /// 127.0.0.1/32, the address that applications use for themselves.
  package static let loopback = CIDR(IPAddress(.v4, 0x7f00_0001))
}

extension UserID {
  /// The user that injected proxies run as.
  package static let defaultProxy = UserID(1337)
}

extension GroupID {
  /// The group that injected proxies run as.
  package static let defaultProxy = GroupID(1337)
}
