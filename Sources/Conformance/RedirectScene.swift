import CNI
import Harness
import JSON
import Netlink
import System

/// A container with an application and a proxy in it, and the outside, which is its node: where redirects can be seen
/// at work. Everybody listens before the plugin is called.
final class RedirectScene {
  let container: Container
  private let facts: Manifest.RedirectFacts
  private let services: [PodService]

  /// Ports of the application, and of every machine outside.
  static let ports: [UInt16] = [1, 2, 80, 65534, 65535]
  /// Where datagrams are answered outside, beside 53.
  static let datagramPort: UInt16 = 5000
  /// A machine outside, in both families.
  static let machine = ["192.0.2.10", "2001:db8::10"]
  /// Further machines outside: before, at and behind the ends of the prefixes that containers exclude.
  static let excludable = [
    "198.51.99.255", "198.51.100.0", "198.51.100.6", "198.51.100.7", "198.51.100.8", "198.51.100.127",
    "198.51.100.128", "198.51.100.255", "198.51.101.0", "2001:db8:6:ffff:ffff:ffff:ffff:ffff", "2001:db8:7::1",
    "2001:db8:7::6", "2001:db8:7::7", "2001:db8:7::8", "2001:db8:7:7fff:ffff:ffff:ffff:ffff", "2001:db8:7:8000::1",
    "2001:db8:7:ffff:ffff:ffff:ffff:ffff", "2001:db8:8::1",
  ]

  /// Who gets a connection or a datagram in the end, by the name of its service.
  enum Receiver: String {
    case application
    case outside
    /// The proxy's listener for what the container sends.
    case outboundListener
    /// The proxy's listener for what the container gets.
    case inboundListener
    case dnsListener
    /// Ports of the proxy that are reached directly.
    case directListener
  }

  init(_ container: Container) throws {
    self.container = container
    let facts = try container.node.lab.redirectFacts()
    self.facts = facts
    let node = container.node.node
    let remotes = Self.machine + Self.excludable
    let route = try NetlinkSocket.open(.route, in: node.network)
    for remote in remotes {
      try Addresses.add("\(remote)/\(remote.contains(":") ? 128 : 32)", to: .loopback, through: route)
    }
    try node.network.awaitLocalRoutes(to: remotes)
    let proxy = Self.proxy(facts)
    let loopback = facts.dnsPort.map { port in ["127.0.0.1", "::1"].map { Endpoint($0, port) } } ?? []
    services = try [
      PodService(
        Receiver.outside.rawValue, ports: Self.ports + [53],
        datagrams: Self.machine.flatMap { [Endpoint($0, 53), Endpoint($0, Self.datagramPort)] }, owner: .root,
        in: node.network),
      PodService(
        Receiver.application.rawValue, ports: Self.ports, owner: .application, in: container.network()),
      PodService(
        Receiver.outboundListener.rawValue, ports: [facts.outboundPort], owner: proxy, in: container.network()),
      PodService(
        Receiver.inboundListener.rawValue, ports: [facts.inboundPort],
        isTransparent: container.wishes(.isTransparent), owner: proxy, in: container.network()),
      PodService(
        Receiver.dnsListener.rawValue, listeners: loopback, datagrams: loopback, owner: proxy, in: container.network()),
      PodService(
        Receiver.directListener.rawValue, ports: facts.directPorts, owner: proxy, in: container.network()),
    ]
  }

  /// The identity that the proxy has.
  static func proxy(_ facts: Manifest.RedirectFacts) -> Owner {
    Owner(user: facts.user, group: facts.group ?? facts.user)
  }

  var proxy: Owner { Self.proxy(facts) }

  /// The families in which the container has addresses, and the machine outside in each.
  var families: [(own: String, machine: String)] {
    container.addresses.map { own in (own, Self.machine[own.contains(":") ? 1 : 0]) }
  }

  /// Sends from the container, and checks who gets it and for which destination.
  func expectFromContainer(
    to destination: Endpoint, as owner: Owner = .application, _ transport: Probe.Transport = .tcp,
    gets receiver: Receiver
  ) throws {
    let network = try container.network()
    let outcome = Probe(to: destination, as: owner, transport: transport).fire(in: network)
    try expect(
      Self.fits(outcome, receiver, destination, transport),
      "\(transport) from user \(owner.user), group \(owner.group) to \(destination) \(Self.text(outcome)), not at \(receiver.rawValue)"
    )
  }

  /// Sends from outside to a port of the container, and checks who gets it.
  func expectFromOutside(to destination: Endpoint, gets receiver: Receiver) throws {
    let outcome = Probe(to: destination, as: .root).fire(in: container.node.node.network)
    try expect(
      Self.fits(outcome, receiver, destination, .tcp),
      "tcp from outside to \(destination) \(Self.text(outcome)), not at \(receiver.rawValue)")
  }

  /// Checks both directions in the families that the container has, or in one of them.
  func expectRedirected(onlyIPv6: Bool? = nil) throws {
    for family in families where onlyIPv6 == nil || family.own.contains(":") == onlyIPv6 {
      try expectFromContainer(to: Endpoint(family.machine, 80), gets: .outboundListener)
      try expectFromOutside(to: Endpoint(family.own, 80), gets: .inboundListener)
    }
  }

  /// Checks that nothing is redirected in either direction.
  func expectDirect() throws {
    for family in families {
      try expectFromContainer(to: Endpoint(family.machine, 80), gets: .outside)
      try expectFromOutside(to: Endpoint(family.own, 80), gets: .application)
    }
  }

  /// Nobody but the receiver, and for the destination that was asked for; of a datagram that cannot be told.
  private static func fits(
    _ outcome: Probe.Outcome, _ receiver: Receiver, _ destination: Endpoint, _ transport: Probe.Transport
  ) -> Bool {
    guard case .answered(let answer) = outcome else { return false }
    return answer.service == receiver.rawValue && (transport != .tcp || answer.original == destination)
  }

  private static func text(_ outcome: Probe.Outcome) -> String {
    switch outcome {
    case .answered(let answer):
      "arrives at \(answer.service) for \(answer.original.map { "\($0)" } ?? "an unknown destination")"
    case .refused: "is refused"
    case .timedOut: "gets no answer"
    case .failed(let error): "fails (\(error))"
    }
  }
}

extension Lab {
  /// A scene on a fresh node.
  func redirectScene(asking wish: RedirectWish? = nil) throws -> RedirectScene {
    let node = try node()
    return try RedirectScene(try wish.map { try node.container(asking: $0) } ?? node.container())
  }
}

extension Container {
  /// Its addresses without prefix lengths, as the plugins before the subject have given them.
  var addresses: [String] {
    (previous?["ips"]?.array ?? []).compactMap { $0["address"]?.string?.split(separator: "/").first.map { String($0) } }
  }

  func wishes(_ wish: RedirectWish) -> Bool {
    guard let known = node.lab.manifest.redirect?.wishes[wish.rawValue] else { return false }
    return known == self.wish
  }

  /// The packet filter rules of the namespace, without counters.
  func packetRules() throws -> [String] {
    // The programs make the tables that they look for; and a file of /proc has no size before it is read.
    let commands = """
      nft -s list ruleset; ! grep -qs . /proc/self/net/ip_tables_names || iptables-legacy-save; \
      ! grep -qs . /proc/self/net/ip6_tables_names || ip6tables-legacy-save
      """
    return try lines(commands).filter { !$0.hasPrefix("#") }.map { $0.replacing(#/ ?\[[0-9]+:[0-9]+\] ?/#, with: " ") }
  }

  /// The policy rules and routes of the namespace, but for those that the kernel makes, which it does in its own time.
  func routing() throws -> [String] {
    try lines("ip -4 rule; ip -6 rule; ip -4 route show table all; ip -6 route show table all")
      .filter { !$0.contains(" proto kernel ") }
  }

  private func lines(_ commands: String) throws -> [String] {
    try node.tool("/bin/sh -c '\(commands)'", in: self).split(separator: "\n").map { String($0) }
  }
}
