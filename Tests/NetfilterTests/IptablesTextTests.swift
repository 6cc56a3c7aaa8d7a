import Redirect
import Testing

@testable import Netfilter

@Suite struct IptablesTextTests {
  /// The rules that one neutral rule becomes.
  private static func texts(_ family: IPFamily, _ rule: Rule, sets: [NamedSet] = []) -> [String] {
    let ruleset = Ruleset(sets: sets, chains: [Chain(.mangle, .prerouting, rules: [rule])])
    return IptablesSnapshot(ruleset, family).tables["mangle"]?.chains["ISTIO_CNI_MANGLE_PREROUTING"]?.map(\.text) ?? []
  }

  @Test(
    "matches are spelled as iptables-save prints them",
    arguments: [
      ([Match.transport(.equal, .tcp)], "-p tcp"), ([.transport(.notEqual, .tcp)], "! -p tcp"),
      ([.inputInterface(.equal, "eth0")], "-i eth0"), ([.outputInterface(.notEqual, "lo")], "! -o lo"),
      ([.transport(.equal, .udp), .sourcePort(.equal, Port(53))], "-p udp -m udp --sport 53"),
      ([.transport(.equal, .tcp), .destinationPort(.notEqual, Port(53))], "-p tcp -m tcp ! --dport 53"),
      ([.user(UserID(1337))], "-m owner --uid-owner 1337"), ([.group(GroupID(0))], "-m owner --gid-owner 0"),
      ([.mark(.equal, 1337)], "-m mark --mark 0x539"), ([.mark(.notEqual, 0)], "-m mark ! --mark 0x0"),
      ([.connectionMark(.equal, 1337)], "-m connmark --mark 0x539"),
      ([.connection([.established, .related, .invalid])], "-m conntrack --ctstate INVALID,RELATED,ESTABLISHED"),
      ([.isReply], "-m conntrack --ctdir REPLY"), ([.isForeign], "-m addrtype ! --dst-type LOCAL"),
    ])
  func matches(matches: [Match], expected: String) {
    #expect(Self.texts(.v4, Rule("", matches, verdict: .return)) == ["\(expected) -j RETURN"])
  }

  @Test(
    "verdicts are spelled as iptables-save prints them",
    arguments: [
      (Verdict.return, "-j RETURN"), (.drop, "-j DROP"), (.goto("proxy-output"), "-g ISTIO_CNI_PROXY_OUTPUT"),
      (.redirect(Port(15001)), "-j REDIRECT --to-ports 15001"),
      (.setMark(1337), "-j MARK --set-xmark 0x539/0xffffffff"),
      (.saveMark, "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff"),
      (.setZone(2), "-j CT --zone 2"),
      (.transparentProxy(Port(15006)), "-j TPROXY --on-port 15006 --on-ip 0.0.0.0 --tproxy-mark 0x0/0x0"),
    ])
  func verdicts(verdict: Verdict, expected: String) {
    #expect(Self.texts(.v4, Rule("", verdict: verdict)) == [expected])
  }

  @Test("TPROXY names no address of either family")
  func anyAddress() {
    let rule = Rule("", .transport(.equal, .tcp), verdict: .transparentProxy(Port(15006)))
    #expect(Self.texts(.v6, rule) == ["-p tcp -j TPROXY --on-port 15006 --on-ip :: --tproxy-mark 0x0/0x0"])
  }

  @Test("what every packet has comes first, in the order of iptables-save, and the comment last")
  func order() throws {
    let rule = Rule(
      "the proxy's own", .user(UserID(1337)), .transport(.equal, .tcp), .outputInterface(.equal, "lo"),
      .destination(.notEqual, try #require(CIDR("127.0.0.1/32"))), .source(.equal, try #require(CIDR("10.0.0.0/8"))),
      verdict: .return)
    #expect(
      Self.texts(.v4, rule) == [
        "-s 10.0.0.0/8 ! -d 127.0.0.1/32 -o lo -p tcp -m owner --uid-owner 1337 "
          + #"-m comment --comment "the proxy\'s own" -j RETURN"#
      ])
  }

  @Test(
    "comments are quoted only where iptables-save does",
    arguments: [
      ("inbound", "inbound"), ("HBONE-15_008", "HBONE-15_008"), ("a b", #""a b""#), (#"a"b\c'd"#, #""a\"b\\c\'d""#),
      ("é", #""é""#),
    ])
  func quoted(comment: String, expected: String) {
    #expect(Self.texts(.v4, Rule(comment, verdict: .drop)) == ["-m comment --comment \(expected) -j DROP"])
  }

  @Test("a match on an address makes the rule one of that family", arguments: [Comparison.equal, .notEqual])
  func family(comparison: Comparison) {
    let rule = Rule("", .destination(comparison, .loopback), verdict: .return)
    #expect(Self.texts(.v4, rule).count == 1)
    #expect(Self.texts(.v6, rule).isEmpty)
  }

  @Test("all addresses of a family are no condition, and none of them no rule")
  func everything() throws {
    let all = try #require(CIDR("0.0.0.0/0"))
    #expect(Self.texts(.v4, Rule("", .source(.equal, all), verdict: .drop)) == ["-j DROP"])
    #expect(Self.texts(.v4, Rule("", .source(.notEqual, all), verdict: .drop)).isEmpty)
    let set = NamedSet("all", .addresses(.v4, [all].ranges(.v4)))
    #expect(Self.texts(.v4, Rule("", .destinationInSet(.v4, "all"), verdict: .drop), sets: [set]) == ["-j DROP"])
    #expect(Self.texts(.v6, Rule("", .destinationInSet(.v4, "all"), verdict: .drop), sets: [set]).isEmpty)
  }

  @Test("ports go into lists of 15 places, of which a range takes two")
  func portLists() {
    let singles = stride(from: UInt16(2), through: 28, by: 2).map { Port($0)...Port($0) }
    let set = NamedSet("ports", .ports(PortSet(singles + [Port(100)...Port(200), Port(300)...Port(300)])))
    let rule = Rule("", .transport(.equal, .tcp), .destinationPortInSet("ports"), verdict: .return)
    #expect(
      Self.texts(.v4, rule, sets: [set]) == [
        "-p tcp -m multiport --dports 2,4,6,8,10,12,14,16,18,20,22,24,26,28 -j RETURN",
        "-p tcp -m multiport --dports 100:200,300 -j RETURN",
      ])
  }

  @Test("no list of ports is too long or leaves one out", arguments: [1, 7, 8, 14, 15, 16, 100])
  func manyPorts(count: Int) throws {
    let ranges = (0..<count).map { index in
      let low = UInt16(index * 10)
      return Port(low)...Port(low + UInt16(index % 3))
    }
    let rule = Rule("", .transport(.equal, .tcp), .destinationPortInSet("ports"), verdict: .return)
    let lists = Self.texts(.v4, rule, sets: [NamedSet("ports", .ports(PortSet(ranges)))]).compactMap { text in
      text.split(separator: " ").first { $0.contains { $0.isNumber } }?.split(separator: ",")
    }
    for list in lists { #expect(list.reduce(0) { $0 + $1.split(separator: ":").count } <= 15) }
    #expect(lists.joined().count == count)
  }

  @Test("several sets become all their combinations")
  func product() throws {
    let prefixes = try ["10.0.0.0/8", "192.168.0.0/16"].map { try #require(CIDR($0)) }
    let sets = [
      NamedSet("addresses", .addresses(.v4, prefixes.ranges(.v4))),
      NamedSet("groups", .groups([GroupID(1), GroupID(2)])),
    ]
    let rule = Rule("", .destinationInSet(.v4, "addresses"), .groupInSet("groups"), verdict: .setMark(1))
    #expect(
      Self.texts(.v4, rule, sets: sets) == [
        "-d 10.0.0.0/8 -m owner --gid-owner 1 -j MARK --set-xmark 0x1/0xffffffff",
        "-d 10.0.0.0/8 -m owner --gid-owner 2 -j MARK --set-xmark 0x1/0xffffffff",
        "-d 192.168.0.0/16 -m owner --gid-owner 1 -j MARK --set-xmark 0x1/0xffffffff",
        "-d 192.168.0.0/16 -m owner --gid-owner 2 -j MARK --set-xmark 0x1/0xffffffff",
      ])
  }

  @Test("the text for a fresh namespace has the tables in order, chains before rules, and the jumps last")
  func whole() {
    let ruleset = Ruleset(chains: [
      Chain(.nat, .output, rules: [Rule("", verdict: .goto("outbound"))]),
      Chain("outbound", .nat, rules: [Rule("", .transport(.equal, .tcp), verdict: .redirect(Port(15001)))]),
      Chain(.raw, .prerouting),
    ])
    #expect(
      ruleset.iptablesText(.v4) == """
        *raw
        :ISTIO_CNI_RAW_PREROUTING - [0:0]
        -A PREROUTING -j ISTIO_CNI_RAW_PREROUTING
        COMMIT
        *nat
        :ISTIO_CNI_NAT_OUTPUT - [0:0]
        :ISTIO_CNI_OUTBOUND - [0:0]
        -A ISTIO_CNI_NAT_OUTPUT -g ISTIO_CNI_OUTBOUND
        -A ISTIO_CNI_OUTBOUND -p tcp -j REDIRECT --to-ports 15001
        -A OUTPUT -j ISTIO_CNI_NAT_OUTPUT
        COMMIT

        """)
  }

  @Test(
    "the kernel's own chains get one rule each, and names fit",
    arguments: [Policy.Mode.redirect, .tproxy], [Policy.DNSCapture.off, .all])
  func names(mode: Policy.Mode, dns: Policy.DNSCapture) {
    let policy = Policy(
      mode: mode, inbound: .all(except: PortSet(Port(1))), outbound: .all, reroutedInterfaces: ["eth1"], dns: dns,
      dropsInvalid: true)
    for family in IPFamily.allCases {
      for table in IptablesSnapshot(Ruleset(policy, hasIPv6: true), family).tables.values {
        #expect(table.chains.keys.allSatisfy { $0.utf8.count <= 28 })
        #expect(table.otherChains.values.allSatisfy { $0.count == 1 })
      }
    }
  }
}
