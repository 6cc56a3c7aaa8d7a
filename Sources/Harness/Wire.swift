import Glibc
package import Netlink
package import System
import SystemPackage

/// One end of a wire: an interface and its addresses.
package struct WireEnd: Sendable {
  let interface: String
  let addresses: [String]

  /// - Parameter addresses: Without prefix lengths: the wire is a /24 and a /64. Among them a link-local one, which the
  ///   kernel does not make.
  package init(interface: String, addresses: [String]) {
    self.interface = interface
    self.addresses = addresses
  }
}

extension NetworkNamespace {
  /// A namespace where `lo` is up, and where nothing waits for duplicate address detection, is dropped for its
  /// source, or goes unreported because there was much to report.
  package static func createForTraffic() throws -> NetworkNamespace {
    let namespace = try NetworkNamespace.create()
    // The link-local addresses that the kernel makes are tentative for a moment even with accept_dad 0, and a router
    // that has no other asks for no neighbour; it tries again after a second.
    try namespace.setSysctl("net/ipv6/conf/default/addr_gen_mode", "1")
    // IPv4 copies these from the machine, whose distribution may filter. What TPROXY delivers and what a proxy sends
    // in its client's name comes from addresses that are routed elsewhere.
    for scope in ["all", "default", "lo"] { try namespace.setSysctl("net/ipv4/conf/\(scope)/rp_filter", "0") }
    // A datagram to a closed port is refused by ICMP, of which a peer gets one a second after the first six.
    try namespace.setSysctl("net/ipv4/icmp_ratemask", "0")
    try namespace.setSysctl("net/ipv6/icmp/ratemask", "\n")
    try namespace.setLoopbackUp()
    return namespace
  }

  /// Joins two namespaces by a veth pair, over which packets pass at once.
  package func join(_ end: WireEnd, to other: borrowing NetworkNamespace, _ otherEnd: WireEnd) throws {
    let here = try NetlinkSocket.open(.route, in: self)
    let there = try NetlinkSocket.open(.route, in: other)
    try Links.createVeth(end.interface, peer: otherEnd.interface, peerNamespace: other, through: here)
    try end.setUp(through: here)
    try otherEnd.setUp(through: there)
    // The kernel looks at new carriers once a second if both ends have the same index, as in two new namespaces, and
    // IPv6 is dead until it has looked. Being asked for the link it looks at once (rtnl_getlink, since Linux 6.8).
    _ = try Links.index(of: end.interface, through: here)
    _ = try Links.index(of: otherEnd.interface, through: there)
    try awaitLocalRoutes(to: end.addresses)
    try other.awaitLocalRoutes(to: otherEnd.addresses)
  }

  /// Sends what no other route covers to these gateways.
  package func addDefaultRoutes(_ gateways: [String]) throws(NetlinkError) {
    let route = try NetlinkSocket.open(.route, in: self)
    for gateway in gateways { try Routes.addDefault(via: gateway, through: route) }
  }

  /// The hardware address of an interface, as results of plugins spell it: `02:42:ac:11:00:02`.
  package func hardwareAddress(of interface: String) throws(NetlinkError) -> String {
    let bytes = try Links.hardwareAddress(of: interface, through: NetlinkSocket.open(.route, in: self))
    return bytes.map { Self.hexadecimal($0) }.joined(separator: ":")
  }

  /// Waits until the namespace takes packets to its new addresses for its own.
  ///
  /// Without duplicate address detection too the kernel makes the route to an IPv6 address in the background, and
  /// until then throws away what arrives for it, such as a neighbour's answer: `Ip6InAddrErrors` counts that.
  package func awaitLocalRoutes(to addresses: [String]) throws(SystemError) {
    let lines = addresses.filter { Endpoint($0, 0).isIPv6 }.map { address in
      "\(Endpoint(address, 0).addressBytes.map { Self.hexadecimal($0) }.joined()) \(Self.hexadecimal(128)) "
    }
    try run { () throws(SystemError) in
      let deadline = ContinuousClock.now + .seconds(5)
      while true {
        let routes = String(decoding: try readFile("/proc/thread-self/net/ipv6_route", limit: 1 << 20), as: UTF8.self)
        if lines.allSatisfy({ routes.contains($0) }) { return }
        if ContinuousClock.now > deadline { throw SystemError("route", addresses.joined(separator: " "), .timedOut) }
        sched_yield()
      }
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    String(byte >> 4, radix: 16) + String(byte & 0xf, radix: 16)
  }
}

extension WireEnd {
  fileprivate func setUp(through socket: borrowing NetlinkSocket) throws(NetlinkError) {
    let index = try Links.index(of: interface, through: socket)
    for address in addresses {
      try Addresses.add("\(address)/\(Endpoint(address, 0).isIPv6 ? 64 : 24)", to: index, through: socket)
    }
    try Links.setUp(index, through: socket)
  }
}
