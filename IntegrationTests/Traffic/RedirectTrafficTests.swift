import Harness
import Netfilter
import Redirect
import System
import Testing

/// The truth tables of sidecar redirection, asked of the kernel: each question is one connection, and the answer says
/// who got it and for which destination.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(2)))
struct RedirectTrafficTests {
  static let remotes = ["192.0.2.7", "198.51.100.7", "203.0.113.9", "2001:db8::7", "2001:db8:1::7", "2001:db8:2::9"]
  static let health = PortSet(Port(15020), Port(15021), Port(15090))
  static let ports: [UInt16] = [53, 443, 3500, 5432, 8080, 15001, 15006, 15008, 15020, 15021, 15090]
  static let proxyPorts: Set<UInt16> = [15001, 15006, 15008, 15020, 15021, 15090]
  static let owners = ["A": Owner.application, "P": .proxy, "R": Owner(user: 0, group: 1337)]

  /// Where a packet should end.
  enum End: Equatable, CustomStringConvertible {
    /// At the addressed listener.
    case pass
    case port(UInt16)

    var description: String {
      switch self {
      case .pass: "pass"
      case .port(let port): "→\(port)"
      }
    }
  }

  static func prefixes(_ texts: String...) -> [CIDR] { texts.compactMap { CIDR($0) } }

  struct Case: Sendable, CustomStringConvertible {
    let name: String
    let policy: Policy
    var description: String { name }
  }

  static let cases = [
    Case(
      name: "defaults",
      policy: Policy(inbound: .all(except: health), outbound: .all, excludedOutboundPorts: PortSet(Port(15020)))),
    Case(
      name: "lists of ports and ranges",
      policy: Policy(
        inbound: .only(PortSet(Port(8080), Port(15008))), outbound: .only(prefixes("192.0.2.0/24", "2001:db8::/48")),
        includedOutboundPorts: PortSet(Port(443)))),
    Case(
      name: "exclusions beat inclusions",
      policy: Policy(
        inbound: .all(except: health.union(PortSet([Port(3000)...Port(3999)]))), outbound: .all,
        excludedOutbound: prefixes("198.51.100.0/24", "2001:db8:1::/48"),
        includedOutboundPorts: PortSet(Port(443), Port(5432)), excludedOutboundPorts: PortSet(Port(5432)))),
    Case(
      name: "nothing included",
      policy: Policy(inbound: .only(PortSet()), outbound: .only([]), includedOutboundPorts: PortSet(Port(443)))),
    Case(
      name: "loopback included",
      policy: Policy(inbound: .all(except: health), outbound: .only(prefixes("127.0.0.0/8", "192.0.2.0/24")))),
    Case(
      name: "another identity",
      policy: Policy(
        inbound: .all(except: health), outbound: .all, proxyUser: UserID(0), proxyGroup: GroupID(1337))),
  ]

  @Test("each connection ends where the truth tables say", arguments: cases)
  func truthTable(_ testCase: Case) throws {
    let pair = try PodPair(remotes: Self.remotes)
    let listening = Self.ports.filter { !Self.proxyPorts.contains($0) }
    let application = try PodService("application", ports: listening, owner: .root, in: pair.pod)
    let proxy = try PodService("proxy", ports: Self.proxyPorts.sorted(), owner: .proxy, in: pair.pod)
    let world = try PodService("world", ports: Self.ports, owner: .root, in: pair.world)
    defer { for service in [application, proxy, world] { service.close() } }
    try PodRedirect.apply(Ruleset(testCase.policy, hasIPv6: true), in: pair.pod)

    var wrong: [String] = []
    var count = 0
    for port in Self.ports {
      for (label, owner) in Self.owners {
        for destination in Self.remotes + PodPair.gateways + PodPair.podAddresses + ["127.0.0.1", "::1", "127.0.0.5"] {
          let end = Self.expected(testCase.policy, owner, destination, port, isMagic: false)
          ask(Probe(to: Endpoint(destination, port), as: owner), from: pair.pod, label, end)
        }
        for (own, magic) in zip(PodPair.podAddresses, ["127.0.0.6", "::6"]) {
          let end = Self.expected(testCase.policy, owner, own, port, isMagic: true)
          ask(Probe(to: Endpoint(own, port), as: owner, from: magic), from: pair.pod, label, end)
        }
      }
      for own in PodPair.podAddresses {
        ask(Probe(to: Endpoint(own, port), as: .root), from: pair.world, "outside", Self.inbound(testCase.policy, port))
      }
    }
    #expect(wrong == [])
    #expect(count > 500)

    func ask(_ probe: Probe, from namespace: borrowing NetworkNamespace, _ label: String, _ end: End) {
      count += 1
      let port = if case .port(let port) = end { port } else { probe.destination.port }
      guard case .answered(let answer) = probe.fire(in: namespace), answer.port == port,
        answer.original == probe.destination
      else {
        wrong.append("\(label) \(probe.destination): \(end) expected, \(probe.fire(in: namespace)) seen")
        return
      }
    }
  }

  private static func inbound(_ policy: Policy, _ port: UInt16) -> End {
    if port == 15008 { return .pass }
    return switch policy.inbound {
    case .all(let excluded): excluded.contains(Port(port)) ? .pass : .port(15006)
    case .only(let included): included.contains(Port(port)) ? .port(15006) : .pass
    }
  }

  /// The table for locally made connections, row by row.
  private static func expected(
    _ policy: Policy, _ owner: Owner, _ destination: String, _ port: UInt16, isMagic: Bool
  ) -> End {
    let isOwn = PodPair.podAddresses.contains(destination)
    let isLoopback = destination == "127.0.0.1" || destination == "::1"
    let isLocal = isOwn || isLoopback || destination == "127.0.0.5"
    let isProxyUser = owner.user == policy.proxyUser.rawValue
    let isProxyGroup = owner.group == policy.proxyGroup.rawValue
    let toItself: End = isLoopback || port == 15008 ? .pass : .port(15006)
    if policy.excludedOutboundPorts.contains(Port(port)) || isMagic { return .pass }
    if isProxyUser { return isLocal ? toItself : .pass }
    if isLocal, !policy.includesLoopback { return .pass }
    if isProxyGroup { return isLocal ? toItself : .pass }
    guard !isLoopback, let address = IPAddress(destination) else { return .pass }
    if policy.excludedOutbound.contains(where: { $0.contains(address) }) { return .pass }
    if policy.includedOutboundPorts.contains(Port(port)) { return .port(15001) }
    return switch policy.outbound {
    case .all: .port(15001)
    case .only(let prefixes): prefixes.contains { $0.contains(address) } ? .port(15001) : .pass
    }
  }

  @Test("with nobody on the proxy's ports connections are refused, in both directions and families")
  func failsClosed() throws {
    let pair = try PodPair()
    let application = try PodService("application", ports: [8080], owner: .root, in: pair.pod)
    let world = try PodService("world", ports: [8080], owner: .root, in: pair.world)
    defer { for service in [application, world] { service.close() } }
    try PodRedirect.apply(Ruleset(Self.cases[0].policy, hasIPv6: true), in: pair.pod)
    for gateway in PodPair.gateways {
      #expect(Probe(to: Endpoint(gateway, 8080), as: .application).fire(in: pair.pod) == .refused)
    }
    for own in PodPair.podAddresses {
      #expect(Probe(to: Endpoint(own, 8080), as: .root).fire(in: pair.world) == .refused)
    }
  }

  @Test("applying replaces, removing leaves nothing")
  func replaceAndRemove() throws {
    let pair = try PodPair()
    let world = try PodService("world", ports: [8080], owner: .root, in: pair.world)
    let proxy = try PodService("proxy", ports: [15001], owner: .proxy, in: pair.pod)
    defer { for service in [world, proxy] { service.close() } }
    let seen = { (gateway: String) in Probe(to: Endpoint(gateway, 8080), as: .application).fire(in: pair.pod) }
    try PodRedirect.remove(from: pair.pod)
    for policy in [Self.cases[0].policy, Self.cases[3].policy, Self.cases[0].policy] {
      try PodRedirect.apply(Ruleset(policy, hasIPv6: true), in: pair.pod)
      let expected: UInt16 = policy.outbound == .all ? 15001 : 8080
      for gateway in PodPair.gateways {
        guard case .answered(let answer) = seen(gateway) else {
          Issue.record("no answer from \(gateway)")
          continue
        }
        #expect(answer.port == expected)
      }
    }
    try PodRedirect.remove(from: pair.pod)
    try PodRedirect.remove(from: pair.pod)
    #expect(try pair.pod.nft("list", "ruleset") == "")
  }
}
