import Netfilter
import Redirect
import System
import Testing
import TruthTables

/// The programs of iptables in namespaces, in both flavours.
@Suite(.requires(.namespaces), .requires(.iptables), .tags(.root), .timeLimit(.minutes(10)))
struct IptablesBackendTests {
  static let rich = PodRedirectTests.rich
  static let plain = PodRedirectTests.plain

  private static func backend(_ flavour: IptablesFlavour) -> IptablesBackend {
    IptablesBackend(folders: [], flavour: flavour)
  }

  // MARK: What is put there

  @Test("what was applied has not drifted", arguments: IptablesFlavour.allCases, Configuration.all)
  func noDrift(_ flavour: IptablesFlavour, _ configuration: Configuration) throws {
    let pod = try NetworkNamespace.create()
    let ruleset = Ruleset(configuration.policy, hasIPv6: true)
    try Self.backend(flavour).apply(ruleset, in: pod)
    #expect(try Self.backend(flavour).drift(from: ruleset, in: pod) == [])
  }

  @Test("our text is iptables-save's own spelling", arguments: IptablesFlavour.allCases, IPFamily.allCases)
  func spelling(_ flavour: IptablesFlavour, _ family: IPFamily) throws {
    let pod = try NetworkNamespace.create()
    let text = Self.rich.iptablesText(family)
    _ = try pod.iptables(flavour.path(family, "restore"), ["--noflush"], input: text)
    #expect(try pod.rules(flavour, family).sorted() == iptablesLines(text).sorted())
  }

  @Test("thousands of prefixes and ports are no obstacle", arguments: IptablesFlavour.allCases)
  func large(_ flavour: IptablesFlavour) throws {
    let prefixes = stride(from: UInt128(0x0a00_0000), to: 0x0a20_0000, by: 512).map { (network: UInt128) in
      CIDR(IPAddress(.v4, network), prefixLength: 24)
    }
    let ports = PortSet(stride(from: UInt16(1), to: 4001, by: 2).map { Port($0)...Port($0) })
    let ruleset = Ruleset(
      Policy(inbound: .all(except: ports), outbound: .all, excludedOutbound: prefixes), hasIPv6: true)
    let pod = try NetworkNamespace.create()
    try Self.backend(flavour).apply(ruleset, in: pod)
    #expect(try Self.backend(flavour).drift(from: ruleset, in: pod) == [])
  }

  @Test("applying twice is applying once, and the second time touches nothing", arguments: IptablesFlavour.allCases)
  func twice(_ flavour: IptablesFlavour) throws {
    let pod = try NetworkNamespace.create()
    try Self.backend(flavour).apply(Self.rich, in: pod)
    let before = try pod.rules(flavour)
    try Self.backend(flavour).apply(Self.rich, in: pod)
    #expect(try pod.rules(flavour) == before)
  }

  @Test("a ruleset that needs less leaves nothing of the one before", arguments: IptablesFlavour.allCases)
  func nothingStale(_ flavour: IptablesFlavour) throws {
    let pod = try NetworkNamespace.create()
    try Self.backend(flavour).apply(Self.rich, in: pod)
    try Self.backend(flavour).apply(Self.plain, in: pod)
    #expect(try Self.backend(flavour).drift(from: Self.plain, in: pod) == [])
    let fresh = try NetworkNamespace.create()
    try Self.backend(flavour).apply(Self.plain, in: fresh)
    let ours = { (rule: String) in rule.contains("ISTIO_CNI") }
    #expect(try pod.rules(flavour).filter(ours) == fresh.rules(flavour).filter(ours))
  }

  @Test("removing leaves nothing of ours, however often, and makes nothing", arguments: IptablesFlavour.allCases)
  func remove(_ flavour: IptablesFlavour) throws {
    let pod = try NetworkNamespace.create()
    let backend = IptablesBackend(folders: [])
    try backend.remove(from: pod)
    #expect(try IptablesFlavour.allCases.flatMap { try pod.rules($0) } == [])
    try Self.backend(flavour).apply(Self.rich, in: pod)
    for _ in 0..<2 { try backend.remove(from: pod) }
    #expect(try pod.rules(flavour) == [])
  }

  // MARK: Other people

  /// In each table, before and around where ours go.
  private static let theirs = #"""
    *raw
    :THEIRS - [0:0]
    -A PREROUTING -p tcp -m tcp --dport 1 -j THEIRS
    -A THEIRS -p udp -m comment --comment "it\'s \"theirs\": -j ISTIO_CNI_RAW_OUTPUT" -j ACCEPT
    COMMIT
    *mangle
    -A OUTPUT -p tcp -m tcp --dport 2 -j MARK --set-xmark 0x1/0xff
    -A OUTPUT
    COMMIT
    *filter
    -A INPUT -p tcp -m tcp --dport 3 -j DROP
    COMMIT
    *nat
    :ISTIO_OUTPUT - [0:0]
    -A OUTPUT -p tcp -m tcp --dport 4 -j REDIRECT --to-ports 4
    -A OUTPUT -j ISTIO_OUTPUT
    -A ISTIO_OUTPUT -p tcp -m tcp --dport 5 -j RETURN
    COMMIT

    """#

  @Test("other people's chains and rules stay as they are, byte for byte", arguments: IptablesFlavour.allCases)
  func others(_ flavour: IptablesFlavour) throws {
    let pod = try NetworkNamespace.create()
    for family in IPFamily.allCases {
      _ = try pod.iptables(flavour.path(family, "restore"), ["--noflush"], input: Self.theirs)
    }
    let before = try pod.rules(flavour)
    let others = { (rule: String) in !rule.contains("ISTIO_CNI") || rule.contains("theirs") }
    let backend = Self.backend(flavour)
    try backend.apply(Self.rich, in: pod)
    #expect(try pod.rules(flavour).filter(others) == before)
    #expect(try backend.drift(from: Self.rich, in: pod) == [])
    try backend.apply(Self.plain, in: pod)
    #expect(try pod.rules(flavour).filter(others) == before)
    try backend.remove(from: pod)
    #expect(try pod.rules(flavour) == before)
  }

  // MARK: Drift

  struct Damage: Sendable, CustomStringConvertible {
    let name: String
    /// Input for `iptables-restore --noflush`.
    let script: String
    let differences: [String]
    var description: String { name }

    init(_ name: String, _ table: String, _ commands: [String], _ differences: String...) {
      self.name = name
      script = (["*\(table)"] + commands + ["COMMIT", ""]).joined(separator: "\n")
      self.differences = differences
    }
  }

  static let damages = [
    Damage(
      "a rule deleted", "nat", ["-D ISTIO_CNI_NAT_OUTPUT 1"],
      "missing: rule 1 of IPv4 nat chain ISTIO_CNI_NAT_OUTPUT (interface eth1 excluded)"),
    Damage(
      "a rule added", "mangle", ["-I ISTIO_CNI_MANGLE_PREROUTING 1 -j ACCEPT"],
      "extra: rule 1 of IPv4 mangle chain ISTIO_CNI_MANGLE_PREROUTING"),
    Damage(
      "a rule changed", "raw",
      [
        "-R ISTIO_CNI_RAW_PREROUTING 1 -p udp -m udp --sport 53 -m comment --comment \"a server answers the agent\" "
          + "-j CT --zone 7"
      ], "changed: rule 1 of IPv4 raw chain ISTIO_CNI_RAW_PREROUTING (a server answers the agent)"),
    Damage(
      "a rule negated", "mangle",
      [
        "-R ISTIO_CNI_MANGLE_PREROUTING 1 ! -i eth1 -m comment --comment \"interface eth1 excluded\" -j RETURN"
      ], "changed: rule 1 of IPv4 mangle chain ISTIO_CNI_MANGLE_PREROUTING (interface eth1 excluded)"),
    Damage(
      "rules swapped", "nat",
      [
        "-D ISTIO_CNI_PROXY_OUTPUT 1",
        "-A ISTIO_CNI_PROXY_OUTPUT -p tcp -m tcp --dport 15008 "
          + "-m comment --comment \"HBONE tunnel to the own pod: the proxy listens itself\" -j RETURN",
      ],
      "reordered: rule 1 of IPv4 nat chain ISTIO_CNI_PROXY_OUTPUT "
        + "(HBONE tunnel to the own pod: the proxy listens itself)"),
    Damage(
      "a jump deleted", "nat", ["-D OUTPUT -j ISTIO_CNI_NAT_OUTPUT"],
      "missing: rule of IPv4 nat chain OUTPUT (-j ISTIO_CNI_NAT_OUTPUT)"),
    Damage(
      "a jump doubled", "nat", ["-A OUTPUT -p tcp -j ACCEPT", "-A OUTPUT -j ISTIO_CNI_NAT_OUTPUT"],
      "extra: rule of IPv4 nat chain OUTPUT (-j ISTIO_CNI_NAT_OUTPUT)"),
    Damage(
      "a jump narrowed", "raw", ["-R OUTPUT 1 -p tcp -j ISTIO_CNI_RAW_OUTPUT"],
      "missing: rule of IPv4 raw chain OUTPUT (-j ISTIO_CNI_RAW_OUTPUT)",
      "extra: rule of IPv4 raw chain OUTPUT (-p tcp -j ISTIO_CNI_RAW_OUTPUT)"),
    Damage(
      "a chain deleted", "raw",
      ["-D OUTPUT -j ISTIO_CNI_RAW_OUTPUT", "-F ISTIO_CNI_RAW_OUTPUT", "-X ISTIO_CNI_RAW_OUTPUT"],
      "missing: IPv4 raw chain ISTIO_CNI_RAW_OUTPUT",
      "missing: rule of IPv4 raw chain OUTPUT (-j ISTIO_CNI_RAW_OUTPUT)"),
    Damage(
      "a chain added", "filter", [":ISTIO_CNI_OLD - [0:0]", "-A INPUT -j ISTIO_CNI_OLD"],
      "extra: IPv4 filter chain ISTIO_CNI_OLD", "extra: rule of IPv4 filter chain INPUT (-j ISTIO_CNI_OLD)"),
  ]

  @Test(
    "damage of each kind is found and named, and applying again heals it",
    arguments: IptablesFlavour.allCases, damages)
  func damage(_ flavour: IptablesFlavour, _ damage: Damage) throws {
    let pod = try NetworkNamespace.create()
    let backend = Self.backend(flavour)
    try backend.apply(Self.rich, in: pod)
    _ = try pod.iptables(flavour.path(.v4, "restore"), ["--noflush"], input: damage.script)
    #expect(try backend.drift(from: Self.rich, in: pod).map(\.description) == damage.differences)
    try backend.apply(Self.rich, in: pod)
    #expect(try backend.drift(from: Self.rich, in: pod) == [])
  }

  @Test("IPv6 drifts by itself", arguments: IptablesFlavour.allCases)
  func driftOfIPv6(_ flavour: IptablesFlavour) throws {
    let pod = try NetworkNamespace.create()
    let backend = Self.backend(flavour)
    try backend.apply(Self.plain, in: pod)
    _ = try pod.iptables(flavour.path(.v6, ""), ["-t", "nat", "-F", "ISTIO_CNI_PROXY_OUTPUT"])
    #expect(
      try backend.drift(from: Self.plain, in: pod).map(\.description) == [
        "missing: rule 1 of IPv6 nat chain ISTIO_CNI_PROXY_OUTPUT "
          + "(HBONE tunnel to the own pod: the proxy listens itself)",
        "missing: rule 2 of IPv6 nat chain ISTIO_CNI_PROXY_OUTPUT "
          + "(IPv6: the proxy calls its own pod, so through the inbound listener)",
      ])
  }
}

extension IptablesFlavour {
  /// A program of this flavour: `save`, `restore`, or `` for iptables itself.
  func path(_ family: IPFamily, _ program: String) -> String {
    let name = "\(family == .v4 ? "iptables" : "ip6tables")-\(rawValue)"
    return "/usr/sbin/" + (program.isEmpty ? name : "\(name)-\(program)")
  }
}

extension NetworkNamespace {
  /// Runs a program of iptables in the namespace, with a lock of its own: the node's is held by tests beside this one.
  func iptables(_ program: String, _ arguments: [String], input: String = "") throws -> String {
    let outcome = try run { () throws(SystemError) in
      try runChild(
        program, arguments: arguments, environment: ["XTABLES_LOCKFILE": "/proc/self/ns/net"],
        standardInput: Array(input.utf8), timeLimit: .seconds(20))
    }
    try #require(outcome.status == .exited(0), "\(String(decoding: outcome.standardError, as: UTF8.self))")
    return String(decoding: outcome.standardOutput, as: UTF8.self)
  }

  /// Rules and chains that somebody made, with their tables, as the flavour's own program shows them.
  func rules(_ flavour: IptablesFlavour, _ family: IPFamily) throws -> [String] {
    iptablesLines(try iptables(flavour.path(family, "save"), []))
  }

  /// Those of both families.
  func rules(_ flavour: IptablesFlavour) throws -> [String] {
    try IPFamily.allCases.flatMap { family in try rules(flavour, family).map { "\(family) \($0)" } }
  }
}

/// The rules and chains in input for `iptables-restore`, or in what `iptables-save` prints, without counters, dates and
/// the kernel's own chains.
func iptablesLines(_ text: String) -> [String] {
  var table = ""
  return text.split(separator: "\n").compactMap { line in
    if line.hasPrefix("*") { table = String(line.dropFirst()) }
    return line.hasPrefix("-A") || line.hasPrefix(":") && line.hasSuffix(" - [0:0]") ? "\(table) \(line)" : nil
  }
}
