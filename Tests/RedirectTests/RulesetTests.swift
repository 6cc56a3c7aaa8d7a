import Redirect
import Testing

@Suite struct RulesetTests {
  /// The eight truth-table policies, and the sources from which random ones are drawn.
  static let policies: [Policy] = {
    let health = PortSet(Port(15020), Port(15021), Port(15090))
    let prefixes = { (texts: [String]) in texts.compactMap { CIDR($0) } }
    return [
      Policy(inbound: .all(except: health), outbound: .all, excludedOutboundPorts: PortSet(Port(15020))),
      Policy(
        inbound: .only(PortSet(Port(8080), Port(15008))), outbound: .only(prefixes(["192.0.2.0/24", "2001:db8::/32"]))),
      Policy(inbound: .only(PortSet()), outbound: .only([]), includedOutboundPorts: PortSet(Port(443))),
      Policy(
        inbound: .all(except: health.union(PortSet([Port(3000)...Port(3999)]))), outbound: .all,
        excludedOutbound: prefixes(["198.51.100.0/24", "2001:db8:1::/48"]), includedOutboundPorts: PortSet(Port(443)),
        excludedOutboundPorts: PortSet(Port(443), Port(5432))),
      Policy(inbound: .all(except: health), outbound: .only(prefixes(["127.0.0.0/8", "10.0.0.0/8"]))),
      Policy(
        inbound: .all(except: health), outbound: .only(prefixes(["::1/128", "fd00::/8"])), proxyUser: UserID(2000),
        proxyGroup: GroupID(3000)),
      Policy(inbound: .all(except: health), outbound: .all, excludedOutbound: prefixes(["0.0.0.0/0"])),
    ]
  }()

  static let addresses = [
    "127.0.0.1", "127.0.0.5", "127.0.0.6", "10.0.0.2", "192.0.2.7", "198.51.100.7", "203.0.113.9", "::1", "::6",
    "fd00::2", "2001:db8::7", "2001:db8:1::7", "2001:db8:2::9",
  ].compactMap { IPAddress($0) }
  static let own = ["10.0.0.2", "fd00::2"].compactMap { IPAddress($0) }
  static let ports: [UInt16] = [
    22, 53, 80, 443, 3306, 3500, 5432, 8080, 15001, 15006, 15008, 15020, 15021, 15090, 65535,
  ]
  /// Nil: the packet arrives from outside.
  static let owners: [(user: UInt32, group: UInt32)?] = [
    (0, 0), (1337, 1337), (1337, 0), (0, 1337), (2000, 3000), (0, 3000), (1000, 1000), nil,
  ]

  @Test("every packet ends where the truth tables say", arguments: policies.indices)
  func truthTables(index: Int) {
    let policy = Self.policies[index]
    let ruleset = Ruleset(policy, hasIPv6: true)
    for destination in Self.addresses {
      let isLocal = destination.isLoopback || destination.description == "::6" || Self.own.contains(destination)
      let magic = IPAddress(destination.family, destination.family == .v4 ? 0x7f00_0006 : 6)
      for source in Self.own.filter({ $0.family == destination.family }) + [magic] {
        for port in Self.ports {
          for owner in Self.owners where owner != nil || Self.own.contains(destination) {
            for isTCP in [true, false] {
              let packet = Packet(
                isTCP: isTCP, owner: owner, source: source, destination: destination, port: port,
                leavesThrough: isLocal && owner != nil ? "lo" : "eth0")
              #expect(ruleset.walk(packet) == oracle(policy, packet), "\(packet)")
            }
          }
        }
      }
    }
  }

  @Test("lists become sets: the number of rules does not grow with them")
  func constantRuleCount() {
    let many = PortSet(stride(from: UInt16(20000), to: 22000, by: 2).map { Port($0)...Port($0) })
    let prefixes = stride(from: UInt128(0x0a00_0000), to: 0x0a08_0000, by: 512).map { (network: UInt128) in
      CIDR(IPAddress(.v4, network), prefixLength: 24)
    }
    let short = Ruleset(
      Policy(
        inbound: .all(except: PortSet(Port(1))), outbound: .all, excludedOutbound: Array(prefixes.prefix(1)),
        excludedOutboundPorts: PortSet(Port(1))), hasIPv6: true)
    let long = Ruleset(
      Policy(
        inbound: .all(except: many), outbound: .all, excludedOutbound: prefixes,
        excludedOutboundPorts: many), hasIPv6: true)
    #expect(short.ruleCount == long.ruleCount)
  }

  @Test("without inbound ports there is no inbound chain")
  func noInbound() {
    #expect(Ruleset(Self.policies[2], hasIPv6: true).chains.map(\.name) == ["output", "proxy-output"])
  }

  @Test("each rule says in a comment that the kernel can keep what it is for", arguments: policies.indices)
  func comments(index: Int) {
    for rule in Ruleset(Self.policies[index], hasIPv6: true).chains.flatMap(\.rules) {
      #expect((1...127).contains(rule.comment.utf8.count))
    }
  }

  @Test("a pod with an IPv6 address cannot do without ::6", arguments: [true, false])
  func magicAddress(hasIPv6: Bool) throws {
    let ruleset = Ruleset(Self.policies[0], hasIPv6: hasIPv6)
    #expect(ruleset.localAddresses == [LocalAddress(try #require(CIDR("::6/128")), isRequired: hasIPv6)])
  }
}
