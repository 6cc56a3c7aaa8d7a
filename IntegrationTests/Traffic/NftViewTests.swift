import Harness
import Netfilter
import Redirect
import System
import Testing
import TruthTables

/// What `nft`, which shares no code with us, makes of our rules.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct NftViewTests {
  @Test(
    "our batch and nft's reading of the same rules leave the same in the kernel", arguments: Configuration.all)
  func sameRuleset(_ configuration: Configuration) throws {
    let ruleset = Ruleset(configuration.policy, hasIPv6: true)
    let ours = try NetworkNamespace.create()
    try PodRedirect.apply(ruleset, in: ours)
    let theirs = try NetworkNamespace.create()
    _ = try theirs.nft("-f", "-", input: ruleset.nftablesText)
    let seen = try ours.nft("list", "ruleset")
    #expect(seen == (try theirs.nft("list", "ruleset")))
    #expect(!seen.isEmpty)
    for rule in ruleset.chains.flatMap(\.rules) { #expect(seen.contains("comment \"\(rule.comment)\"")) }
  }

  @Test("prefixes at the edges of the address space survive as sets")
  func edges() throws {
    let texts = ["0.0.0.0/8", "255.255.255.255/32", "10.0.0.0/9", "10.128.0.0/9", "::/8", "ff00::/8"]
    let policy = Policy(
      inbound: .all(except: PortSet([Port(0)...Port(9), Port(65000)...Port(65535)])),
      outbound: .only(texts.compactMap { CIDR($0) }))
    let namespace = try NetworkNamespace.create()
    try PodRedirect.apply(Ruleset(policy, hasIPv6: true), in: namespace)
    let seen = try namespace.nft("list", "ruleset")
    for text in ["0.0.0.0/8", "255.255.255.255", "10.0.0.0/8", "::/8", "ff00::/8", "0-9", "65000-65535"] {
      #expect(seen.contains(text), "\(text) is missing in \(seen)")
    }
  }

  @Test("thousands of prefixes and ports are one transaction")
  func large() throws {
    let prefixes = stride(from: UInt128(0x0a00_0000), to: 0x0a40_0000, by: 512).map { (network: UInt128) in
      CIDR(IPAddress(.v4, network), prefixLength: 24)
    }
    let ports = PortSet(stride(from: UInt16(1), to: 8001, by: 2).map { Port($0)...Port($0) })
    let policy = Policy(inbound: .all(except: ports), outbound: .all, excludedOutbound: prefixes)
    let namespace = try NetworkNamespace.create()
    try PodRedirect.apply(Ruleset(policy, hasIPv6: true), in: namespace)
    let seen = try namespace.nft("list", "set", "inet", "istio-cni", "outbound-excluded-ipv4")
    #expect(seen.matches(of: /\/24/).count == prefixes.count)
  }
}

extension NetworkNamespace {
  /// Runs `nft` in the namespace and returns what it prints.
  func nft(_ arguments: String..., input: String = "") throws -> String {
    try run("/usr/sbin/nft", arguments, input: input)
  }
}
