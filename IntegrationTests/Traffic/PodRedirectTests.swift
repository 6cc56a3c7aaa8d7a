import Harness
import Netfilter
import Redirect
import System
import Testing
import TruthTables

/// Rulesets in namespaces: put there, replaced, read back, taken out.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct PodRedirectTests {
  static func pod() throws -> NetworkNamespace {
    let pod = try NetworkNamespace.create()
    try pod.setLoopbackUp()
    return pod
  }

  static let rich = Ruleset(
    Policy(
      mode: .tproxy, inbound: .all(except: PortSet([Port(15020)...Port(15021), Port(3000)...Port(3999)])),
      outbound: .only(Scene.prefixes("192.0.2.0/24", "2001:db8::/48")),
      excludedOutbound: Scene.prefixes("198.51.100.0/24"), includedOutboundPorts: PortSet(Port(443)),
      excludedOutboundPorts: PortSet(Port(15020), Port(5432)), excludedInterfaces: ["eth1"],
      ownerGroups: .all(except: [GroupID(4000), GroupID(70000)]), dns: .all, dropsInvalid: true,
      loopback: Scene.prefixes("127.0.0.0/8")[0]), hasIPv6: true)
  static let plain = Ruleset(Configuration.standard, hasIPv6: true)

  @Test("what was applied has not drifted, counters and the kernel's own additions aside", arguments: Configuration.all)
  func noDrift(_ configuration: Configuration) throws {
    let pod = try Self.pod()
    let ruleset = Ruleset(configuration.policy, hasIPv6: true)
    try PodRedirect.apply(ruleset, in: pod)
    #expect(try PodRedirect.drift(from: ruleset, in: pod) == [])
  }

  @Test("an empty namespace lacks everything")
  func allMissing() throws {
    let pod = try Self.pod()
    let differences = try PodRedirect.drift(from: Self.rich, in: pod).map(\.description)
    #expect(
      differences == [
        "missing: table inet istio-cni", "missing: address ::6/128 on lo",
        "missing: policy rule for mark 1337 (0.0.0.0/0)", "missing: route to 0.0.0.0/0 in table 133",
        "missing: policy rule for mark 1337 (::/0)", "missing: route to ::/0 in table 133",
      ])
  }

  struct Damage: Sendable, CustomStringConvertible {
    let command: [String]
    let difference: String
    var description: String { command.joined(separator: " ") }
  }

  @Test(
    "damage of each kind is found and named, and applying again heals it",
    arguments: [
      Damage(
        command: ["nft", "insert rule inet istio-cni nat-output accept"], difference: "extra: rule 1 of nat-output"),
      Damage(
        command: ["nft", "add rule inet istio-cni outbound counter drop"], difference: "extra: rule 7 of outbound"),
      Damage(
        command: ["nft", "delete rule inet istio-cni nat-output handle HANDLE(interface eth1 excluded)"],
        difference: "missing: rule 1 of nat-output (interface eth1 excluded)"),
      Damage(
        command: [
          "nft",
          #"replace rule inet istio-cni outbound handle HANDLE(DNS over UDP) udp dport 53 redirect to :53 "#
            + #"comment "DNS over UDP: to the agent""#,
        ], difference: "changed: rule 2 of outbound (DNS over UDP: to the agent)"),
      Damage(
        command: [
          "nft",
          "delete rule inet istio-cni transparent handle HANDLE(the proxy does not listen) && "
            + #"insert rule inet istio-cni transparent drop comment "the proxy does not listen""#,
        ], difference: "reordered: rule 4 of transparent (the proxy does not listen)"),
      Damage(
        command: ["nft", "add element inet istio-cni outbound-excluded-ports { 80 }"],
        difference: "changed: set outbound-excluded-ports"),
      Damage(
        command: ["nft", "delete element inet istio-cni outbound-excluded-groups { 70000 }"],
        difference: "changed: set outbound-excluded-groups"),
      Damage(
        command: ["nft", "delete element inet istio-cni outbound-excluded-ipv4 { 198.51.100.0/24 }"],
        difference: "changed: set outbound-excluded-ipv4"),
      Damage(command: ["nft", "add chain inet istio-cni mine"], difference: "extra: chain mine"),
      Damage(
        command: ["nft", "chain inet istio-cni mangle-prerouting { policy drop ; }"],
        difference: "changed: chain mangle-prerouting"),
      Damage(command: ["nft", "delete table inet istio-cni"], difference: "missing: table inet istio-cni"),
      Damage(
        command: ["ip", "rule delete fwmark 1337"], difference: "missing: policy rule for mark 1337 (0.0.0.0/0)"),
      Damage(
        command: ["ip", "rule add fwmark 1337 lookup 133"],
        difference: "extra: policy rule for mark 1337 (0.0.0.0/0)"),
      Damage(command: ["ip", "-6 route flush table 133"], difference: "missing: route to ::/0 in table 133"),
      Damage(command: ["ip", "address delete ::6/128 dev lo"], difference: "missing: address ::6/128 on lo"),
    ])
  func damage(_ damage: Damage) throws {
    let pod = try Self.pod()
    try PodRedirect.apply(Self.rich, in: pod)
    for command in damage.command[1].split(separator: " && ") {
      let words = try Self.withHandle(String(command), in: pod).split(separator: " ").map { String($0) }
      _ = try pod.run("/usr/sbin/\(damage.command[0])", words)
    }
    #expect(try PodRedirect.drift(from: Self.rich, in: pod).map(\.description) == [damage.difference])
    try PodRedirect.apply(Self.rich, in: pod)
    let rest = try PodRedirect.drift(from: Self.rich, in: pod).map(\.description)
    // A second policy rule is not ours to take: it has a priority of its own.
    #expect(rest == (damage.difference.hasPrefix("extra: policy rule") ? [damage.difference] : []))
  }

  /// Puts the handle of the rule with this comment in place of `HANDLE(comment)`.
  static func withHandle(_ command: String, in pod: borrowing NetworkNamespace) throws -> String {
    guard let place = command.firstMatch(of: /HANDLE\(([^)]*)\)/) else { return command }
    let listing = try pod.nft("-a", "list", "table", "inet", "istio-cni")
    let line = try #require(listing.split(separator: "\n").first { $0.contains("comment \"\(place.1)") })
    return command.replacing(place.0, with: try #require(line.split(separator: " ").last))
  }

  @Test("applying twice is applying once, and a ruleset that needs less leaves nothing of the one before")
  func nothingStale() throws {
    let pod = try Self.pod()
    for _ in 0..<3 { try PodRedirect.apply(Self.rich, in: pod) }
    #expect(try PodRedirect.drift(from: Self.rich, in: pod) == [])
    for family in ["-4", "-6"] {
      let rules = try pod.run("/usr/sbin/ip", [family, "rule", "list"]).split(separator: "\n")
      #expect(rules.count { $0.contains("fwmark 0x539") } == 1)
    }
    try PodRedirect.apply(Self.plain, in: pod)
    #expect(try PodRedirect.drift(from: Self.plain, in: pod) == [])
    let fresh = try Self.pod()
    try PodRedirect.apply(Self.plain, in: fresh)
    for view in [["-4", "rule", "list"], ["-6", "rule", "list"], ["route", "show", "table", "all"]] {
      #expect(try pod.run("/usr/sbin/ip", view) == fresh.run("/usr/sbin/ip", view))
    }
    #expect(try pod.nft("list", "ruleset") == fresh.nft("list", "ruleset"))
  }

  @Test("removing leaves no rule and no route, however often")
  func remove() throws {
    let pod = try Self.pod()
    try PodRedirect.remove(from: pod)
    try PodRedirect.apply(Self.rich, in: pod)
    for _ in 0..<2 { try PodRedirect.remove(from: pod) }
    #expect(try pod.nft("list", "ruleset") == "")
    #expect(try !pod.run("/usr/sbin/ip", ["rule", "list"]).contains("fwmark"))
    #expect(try !pod.run("/usr/sbin/ip", ["-6", "route", "show", "table", "all"]).contains("table 133"))
  }

  @Test("this kernel makes NAT chains for both families, and finding that out leaves nothing")
  func probe() throws {
    let pod = try Self.pod()
    #expect(try NftablesBackend().refusal(in: pod) == nil)
    #expect(try pod.nft("list", "ruleset") == "")
  }
}

extension NetworkNamespace {
  /// Runs a program in the namespace and returns what it prints.
  func run(_ program: String, _ arguments: [String], input: String = "") throws -> String {
    let outcome = try run { () throws(SystemError) in
      try runChild(
        program, arguments: arguments, environment: [:], standardInput: Array(input.utf8), timeLimit: .seconds(20))
    }
    try #require(outcome.status == .exited(0), "\(String(decoding: outcome.standardError, as: UTF8.self))")
    return String(decoding: outcome.standardOutput, as: UTF8.self)
  }
}
