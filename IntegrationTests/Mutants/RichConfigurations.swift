import Redirect
import TruthTables

extension Configuration {
  /// Few configurations that between them make every rule there is.
  static let rich: [Configuration] = [
    Configuration("REDIRECT, defaults", standard),
    Configuration("REDIRECT, lists and an excluded interface", lists),
    Configuration("REDIRECT, prefixes, groups and a rerouted interface", prefixes),
    Configuration(
      "REDIRECT, loopback included", changed { $0.outbound = .only(Scene.prefixes("127.0.0.0/8", "::/0")) }),
    Configuration("REDIRECT, DNS", changed { $0.dns = .all }),
    Configuration("REDIRECT, DNS servers", serverList),
    Configuration("TPROXY, defaults", changed { $0.mode = .tproxy }),
    Configuration(
      "TPROXY, lists, DNS and an excluded interface",
      changed(lists) {
        $0.mode = .tproxy; $0.dns = .all
      }),
    Configuration("TPROXY, prefixes, groups and a rerouted interface", changed(prefixes) { $0.mode = .tproxy }),
  ]

  private static func changed(_ policy: Policy = standard, _ change: (inout Policy) -> Void) -> Policy {
    var policy = policy
    change(&policy)
    return policy
  }

  private static let lists = changed {
    $0.inbound = .only(PortSet([Port(8080)...Port(8080), Port(3000)...Port(3999)]))
    $0.excludedOutbound = Scene.prefixes("198.51.100.0/24", "2001:db8:1::/48")
    $0.excludedOutboundPorts = PortSet(Port(5432))
    $0.excludedInterfaces = ["eth1"]
    $0.dropsInvalid = true
    $0.ownerGroups = .all(except: [GroupID(4000)])
  }

  private static let prefixes = changed {
    $0.outbound = .only(Scene.prefixes("192.0.2.0/24", "10.10.0.0/24", "2001:db8::/48", "fd00:10::/64"))
    $0.includedOutboundPorts = PortSet(Port(443), Port(8080))
    $0.ownerGroups = .only([GroupID(0), GroupID(1000)])
    $0.excludedOutboundPorts = PortSet()
    $0.reroutedInterfaces = ["eth1"]
  }

  private static let serverList = changed {
    $0.dns = .servers(servers)
    $0.loopback = CIDR(IPAddress(.v4, 0x7f00_0004), prefixLength: 30)
    $0.outbound = .only(Scene.prefixes("127.0.0.0/8", "::/0", "192.0.2.0/24"))
  }
}
