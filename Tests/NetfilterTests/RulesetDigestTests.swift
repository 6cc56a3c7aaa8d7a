import Netfilter
import Netlink
import Redirect
import Testing

@Suite struct RulesetDigestTests {
  /// Every kind of set, match and verdict, written by hand: it does not change with the derivation.
  static let everything = Ruleset(
    sets: [
      NamedSet("ports", .ports(PortSet(Port(80), Port(443)))),
      NamedSet("ranges", .ports(PortSet([Port(8000)...Port(8010)]))),
      NamedSet("ipv4", .addresses(.v4, [IPAddress(.v4, 0x0a00_0000)...IPAddress(.v4, 0x0aff_ffff)])),
      NamedSet("ipv6", .addresses(.v6, [IPAddress(.v6, 1)...IPAddress(.v6, 1 << 100)])),
      NamedSet("groups", .groups([GroupID(7), GroupID(70000)])),
    ],
    chains: [
      Chain(
        .nat, .output,
        rules: matches.map { Rule("match", .transport(.equal, .tcp), $0, verdict: .return) }
          + [Rule("to another chain", verdict: .goto("other"))]),
      Chain("other", .nat, rules: [Rule("redirect", .transport(.equal, .tcp), verdict: .redirect(Port(15001)))]),
      Chain(
        .mangle, .prerouting,
        rules: [
          Rule("mark", verdict: .setMark(1337)), Rule("save", verdict: .saveMark), Rule("drop", verdict: .drop),
          Rule("proxy", .transport(.equal, .tcp), verdict: .transparentProxy(Port(15006))),
        ]),
      Chain(.raw, .output, rules: [Rule("zone", verdict: .setZone(1))]),
    ],
    localAddresses: [LocalAddress(CIDR(IPAddress(.v6, 6)), isRequired: true)], localDelivery: .transparentProxy)

  static let matches: [Match] = [
    .transport(.notEqual, .udp), .inputInterface(.equal, "lo"), .outputInterface(.notEqual, "eth1"),
    .source(.equal, .loopback), .destination(.notEqual, CIDR(IPAddress(.v6, 1))),
    .destination(.equal, CIDR(IPAddress(.v4, 0x0a00_0000), prefixLength: 9)), .sourceInSet(.v4, "ipv4"),
    .destinationInSet(.v6, "ipv6"), .sourcePort(.equal, Port(53)), .destinationPort(.notEqual, Port(53)),
    .destinationPortInSet("ports"), .destinationPortInSet("ranges"), .user(UserID(1337)), .group(GroupID(1337)),
    .groupInSet("groups"), .mark(.equal, 1337), .connectionMark(.notEqual, 1337),
    .connection([.established, .invalid]), .isForeign, .isReply,
  ]

  @Test("whatever is changed in a ruleset, its digest is another one")
  func sensitive() {
    var variants = [Self.everything]
    func vary(_ change: (inout Ruleset) -> Void) {
      var variant = Self.everything
      change(&variant)
      variants.append(variant)
    }
    for set in Self.everything.sets.indices {
      vary { $0.sets[set].name += "x" }
      vary { $0.sets.remove(at: set) }
      vary { $0.sets[set].elements = .ports(PortSet()) }
    }
    vary { $0.sets[0].elements = .ports(PortSet([Port(80)...Port(443)])) }
    vary { $0.sets[2].elements = .addresses(.v4, [IPAddress(.v4, 0x0a00_0000)...IPAddress(.v4, 0x0aff_fffe)]) }
    vary { $0.sets[3].elements = .addresses(.v6, [IPAddress(.v6, 1)...IPAddress(.v6, 1 << 101)]) }
    vary { $0.sets[4].elements = .groups([GroupID(7), GroupID(70001)]) }
    for chain in Self.everything.chains.indices {
      vary { $0.chains[chain].name += "x" }
      vary { $0.chains[chain].stage = $0.chains[chain].stage == .raw ? .nat : .raw }
      vary { $0.chains[chain].hook = $0.chains[chain].hook == .output ? .prerouting : .output }
      for rule in Self.everything.chains[chain].rules.indices {
        vary { $0.chains[chain].rules[rule].comment += "!" }
        vary { $0.chains[chain].rules[rule].verdict = .redirect(Port(1)) }
        vary { $0.chains[chain].rules[rule].matches.append(.isReply) }
        vary { $0.chains[chain].rules.remove(at: rule) }
      }
    }
    for verdict in [.setMark(1), .setZone(2), .transparentProxy(Port(2)), .goto("x")] as [Verdict] {
      vary { $0.chains[0].rules[0].verdict = verdict }
    }
    let matches: [Match] = [
      .transport(.equal, .udp), .transport(.notEqual, .tcp), .inputInterface(.notEqual, "lo"),
      .inputInterface(.equal, "lo1"), .outputInterface(.equal, "eth1"), .source(.notEqual, .loopback),
      .source(.equal, CIDR(IPAddress(.v4, 0x7f00_0000), prefixLength: 8)), .sourceInSet(.v6, "ipv4"),
      .destinationInSet(.v6, "ipv4"), .sourcePort(.equal, Port(54)), .user(UserID(1)), .group(GroupID(1)),
      .mark(.notEqual, 1337), .mark(.equal, 1), .connectionMark(.equal, 1337), .connection([.established]),
    ]
    for match in matches { vary { $0.chains[0].rules[0].matches[1] = match } }
    vary { $0.localAddresses = [] }
    vary { $0.localAddresses[0].prefix = .loopback }
    vary { $0.localDelivery = nil }
    vary { $0.localDelivery?.mark = 1 }
    vary { $0.localDelivery?.routingTable = 1 }
    let digests = variants.map(\.digest)
    #expect(Set(digests).count == digests.count)
    #expect(digests.allSatisfy { $0.count == 16 })
  }

  @Test("whether the pod needs an address is no matter of the rules")
  func insensitive() {
    var variant = Self.everything
    variant.localAddresses[0].isRequired = false
    #expect(variant.digest == Self.everything.digest)
  }

  /// A pod that an older version has set up is compared by what it was given only if its digest says so. So when these
  /// numbers change, raise `Ruleset.spellingRevision` with them.
  @Test("the spelling of a ruleset in the kernel goes with the revision that digests hold")
  func spelling() {
    let nftables = NftablesBatch.creating(Self.everything).flatMap(\.payload)
    let iptables = IPFamily.allCases.flatMap { Array(Self.everything.iptablesText($0).utf8) }
    #expect(Self.hash(nftables) == 16_818_957_333_747_622_250)
    #expect(Self.hash(iptables) == 1_345_675_694_613_478_636)
    #expect(Self.everything.digest == "31e8fbf3d7632544")
  }

  private static func hash(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}
