import CLinux
import Netlink
import Redirect
import System
import Testing

@testable import Netfilter

@Suite struct SelfCheckTests {
  /// Every kind of match, verdict and set that the derivation knows.
  static let rich = Policy(
    mode: .tproxy, inbound: .all(except: PortSet([Port(15020)...Port(15021), Port(3000)...Port(3999)])),
    outbound: .only([CIDR(IPAddress(.v4, 0xc000_0200), prefixLength: 24), CIDR(IPAddress(.v6, 0), prefixLength: 0)]),
    excludedOutbound: [CIDR(IPAddress(.v4, 0xc633_6400), prefixLength: 24)],
    includedOutboundPorts: PortSet(Port(443)), excludedOutboundPorts: PortSet(Port(15020), Port(5432)),
    excludedInterfaces: ["eth1"], reroutedInterfaces: ["eth2"],
    ownerGroups: .all(except: [GroupID(4000), GroupID(70000)]),
    dns: .servers([IPAddress(.v4, 0x0a60_000a)]), dropsInvalid: true)

  static let policies = [
    rich, Policy(inbound: .all(except: ProxyPorts().health), outbound: .all),
    Policy(mode: .tproxy, inbound: .all(except: ProxyPorts().health), outbound: .all, dns: .all),
    Policy(inbound: .only(PortSet(Port(80))), outbound: .only([]), ownerGroups: .only([GroupID(7)])),
  ]

  @Test("what is written is read back as what was meant", arguments: policies)
  func sound(policy: Policy) throws {
    #expect(try NftablesBackend().selfCheck(Ruleset(policy, hasIPv6: true)) == [])
  }

  @Test("a message that is not written, or written twice, shows")
  func unsound() throws {
    let ruleset = Ruleset(Self.rich, hasIPv6: true)
    let batch = NftablesBatch.creating(ruleset)
    let wanted = NftablesTable(ruleset)
    for index in batch.indices.dropFirst(2).dropLast() {
      var fewer = batch
      fewer.remove(at: index)
      #expect(try wanted.differences(in: NftablesTable(fewer)) != [], "without \(batch[index].label)")
    }
    let rule = try #require(batch.last { $0.label.hasPrefix("rule") })
    #expect(try wanted.differences(in: NftablesTable(batch + [rule])).map(\.kind) == [.extra])
  }

  @Test("a table that sleeps is changed")
  func dormant() throws {
    let wanted = NftablesTable(Ruleset(Self.rich, hasIPv6: true))
    var found = wanted
    found.isDormant = true
    #expect(wanted.differences(in: found).map(\.description) == ["changed: table inet istio-cni"])
  }

  @Test("tables and chains can be missing as a whole; rules, sets and jumps are parts")
  func wholes() {
    let wholes = ["table inet istio-cni", "chain nat-output", "IPv4 nat chain ISTIO_CNI_NAT_OUTPUT"]
    let parts = [
      "rule 1 of nat-output (a chain of events)", "set outbound-excluded-ports", "address ::6/128 on lo",
      "rule of IPv4 nat chain OUTPUT (-j ISTIO_CNI_NAT_OUTPUT)", "route to ::/0 in table 133",
    ]
    #expect((wholes + parts).filter { Difference(.missing, $0).isMissingWhole } == wholes)
    #expect(!Difference(.extra, wholes[1]).isMissingWhole)
  }

  @Test("programs are looked for and not run")
  func programs() throws {
    #expect(throws: NetfilterError(.program, "no iptables-save and iptables-restore in /nonexistent")) {
      try IptablesBackend(folders: ["/nonexistent", "relative"], usualFolders: []).requirePrograms()
    }
    let folder = "/tmp/netfilter-tests-\(UInt32.random(in: 0...UInt32.max))"
    try makeFolder(folder)
    let names = ["iptables-save", "iptables-restore"]
    defer {
      for name in names { unlink("\(folder)/\(name)") }
      rmdir(folder)
    }
    // Not even a format that the kernel can run.
    for name in names { try PlainFile.write([], to: "\(folder)/\(name)", mode: 0o755) }
    try IptablesBackend(folders: [folder], usualFolders: []).requirePrograms()
  }
}
