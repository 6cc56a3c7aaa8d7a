package import Redirect

/// A pod's settings that questions are asked under.
package struct Configuration: Sendable, CustomStringConvertible {
  package let name: String
  package let policy: Policy
  /// Whether the proxy has its listeners open.
  package let proxyListens: Bool

  package init(_ name: String, _ policy: Policy, proxyListens: Bool = true) {
    self.name = name
    self.policy = policy
    self.proxyListens = proxyListens
  }

  package var description: String { name }
}

extension Configuration {
  /// All that the truth tables are asked under: each variation in both modes, and those that DNS could touch with both
  /// scopes of DNS capture.
  package static let all: [Configuration] = {
    var all: [Configuration] = []
    for mode in Policy.Mode.allCases {
      for variation in variations {
        for (label, dns) in dnsCaptures where label == "" || variation.meetsDNS {
          var policy = standard
          variation.change(&policy)
          policy.mode = mode
          policy.dns = dns
          all.append(
            Configuration("\(mode.rawValue)\(label), \(variation.name)", policy, proxyListens: variation.proxyListens))
        }
      }
    }
    return all
  }()

  /// What a pod without annotations gets.
  package static let standard = Policy(
    inbound: .all(except: ProxyPorts().health), outbound: .all, excludedOutboundPorts: PortSet(Port(15020)))

  /// Two servers of the remotes, a family each, and one in the pod.
  package static let servers = Scene.addresses("192.0.2.7", "2001:db8::7", "127.0.0.5")

  private static let dnsCaptures: [(String, Policy.DNSCapture)] = [
    ("", .off), (" with DNS", .all), (" with DNS servers", .servers(servers)),
  ]

  private struct Variation {
    let name: String
    let meetsDNS: Bool
    let proxyListens: Bool
    let change: @Sendable (inout Policy) -> Void

    init(
      _ name: String, meetsDNS: Bool = false, proxyListens: Bool = true,
      _ change: @escaping @Sendable (inout Policy) -> Void = { _ in }
    ) {
      self.name = name
      self.meetsDNS = meetsDNS
      self.proxyListens = proxyListens
      self.change = change
    }
  }

  private static func ranges(_ ranges: ClosedRange<UInt16>...) -> PortSet {
    PortSet(ranges.map { Port($0.lowerBound)...Port($0.upperBound) })
  }

  private static let variations: [Variation] = [
    Variation("defaults", meetsDNS: true),
    Variation("inbound ports listed") { $0.inbound = .only(ranges(8080...8080, 15008...15008)) },
    Variation("inbound range listed") { $0.inbound = .only(ranges(3000...3999, 53...53)) },
    Variation("no inbound port listed", meetsDNS: true) { $0.inbound = .only(PortSet()) },
    Variation("inbound ports and ranges excluded") {
      $0.inbound = .all(except: ProxyPorts().health.union(ranges(3000...3999, 8080...8080)))
    },
    Variation("outbound prefixes listed", meetsDNS: true) {
      $0.outbound = .only(Scene.prefixes("192.0.2.0/24", "2001:db8::/48"))
    },
    Variation("no outbound prefix, ports included", meetsDNS: true) {
      $0.outbound = .only([])
      $0.includedOutboundPorts = ranges(443...443, 3000...3999)
    },
    Variation("nothing outbound") { $0.outbound = .only([]) },
    Variation("exclusions beat inclusions") {
      $0.excludedOutbound = Scene.prefixes("198.51.100.0/24", "2001:db8:1::/48")
      $0.includedOutboundPorts = ranges(443...443, 5432...5432)
      $0.excludedOutboundPorts = ranges(5432...5432)
    },
    Variation("no outbound port excluded") { $0.excludedOutboundPorts = PortSet() },
    Variation("outbound port 53 excluded", meetsDNS: true) { $0.excludedOutboundPorts = ranges(53...53) },
    Variation("everything excluded", meetsDNS: true) { $0.excludedOutbound = Scene.prefixes("0.0.0.0/0", "::/0") },
    Variation("loopback included", meetsDNS: true) {
      $0.outbound = .only(Scene.prefixes("127.0.0.0/8", "10.9.0.0/24", "192.0.2.0/24"))
    },
    Variation("IPv6 loopback included") { $0.outbound = .only(Scene.prefixes("::1/128", "fd00:9::/64")) },
    Variation("an interface excluded") { $0.excludedInterfaces = ["eth1"] },
    Variation("both interfaces excluded", meetsDNS: true) { $0.excludedInterfaces = ["eth0", "eth1"] },
    Variation("an interface rerouted") { $0.reroutedInterfaces = ["eth1"] },
    Variation("an interface rerouted, prefixes listed") {
      $0.reroutedInterfaces = ["eth1"]
      $0.outbound = .only(Scene.prefixes("192.0.2.0/24", "2001:db8::/48"))
    },
    Variation("an interface rerouted and excluded") {
      $0.reroutedInterfaces = ["eth1"]
      $0.excludedInterfaces = ["eth1"]
    },
    Variation("an interface rerouted, ports listed") {
      $0.reroutedInterfaces = ["eth1"]
      $0.inbound = .only(ranges(8080...8080))
    },
    Variation("groups excluded", meetsDNS: true) { $0.ownerGroups = .all(except: [GroupID(4000), GroupID(4001)]) },
    Variation("groups listed", meetsDNS: true) { $0.ownerGroups = .only([GroupID(4000), GroupID(4001)]) },
    Variation("no group listed", meetsDNS: true) { $0.ownerGroups = .only([]) },
    Variation("wide loopback") { $0.loopback = CIDR(IPAddress(.v4, 0x7f00_0000), prefixLength: 8) },
    Variation("odd loopback") { $0.loopback = CIDR(IPAddress(.v4, 0x7f00_0004), prefixLength: 30) },
    Variation("another identity", meetsDNS: true) {
      $0.proxyUser = UserID(2000)
      $0.proxyGroup = GroupID(3000)
    },
    Variation("other proxy ports", meetsDNS: true) {
      $0.ports.outbound = Port(16001)
      $0.ports.inbound = Port(16006)
      $0.ports.tunnel = Port(5432)
      $0.ports.dns = Port(16053)
    },
    Variation("invalid segments dropped") { $0.dropsInvalid = true },
    Variation("invalid segments dropped, an interface excluded") {
      $0.dropsInvalid = true
      $0.excludedInterfaces = ["eth1"]
    },
    Variation("the proxy does not listen", proxyListens: false),
  ]
}
