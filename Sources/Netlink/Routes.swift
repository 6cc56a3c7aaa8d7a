import CLinux
import CNetlink
import SystemPackage

/// Routes of the namespace that a socket is bound to.
package enum Routes {
  /// Sends what no other route covers to a gateway, of whose family the route is.
  ///
  /// - Throws: `ENETUNREACH` if no interface that is up has an address of the gateway's network.
  package static func addDefault(
    via gateway: String, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let isIPv6 = try ParsedAddress(gateway).family == AF_INET6
    try add(isIPv6 ? "::/0" : "0.0.0.0/0", via: gateway, through: socket)
  }

  /// Adds a route.
  ///
  /// - Parameters:
  ///   - prefix: what it covers: `10.1.0.0/16`, `::/0`.
  ///   - gateway: where packets go next; nil if the destination is on the link.
  ///   - device: the interface; nil to let the kernel find the gateway's.
  ///   - table: number of the routing table, `RT_TABLE_MAIN` unless given.
  package static func add(
    _ prefix: String, via gateway: String? = nil, device: InterfaceIndex? = nil,
    table: UInt32 = UInt32(RT_TABLE_MAIN.rawValue), through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    try add(
      prefix, type: UInt8(RTN_UNICAST), scope: gateway == nil ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, via: gateway,
      device: device, table: table, existing: .refuse, through: socket)
  }

  /// Makes the namespace take packets to `prefix` for its own, as a TPROXY redirect needs in a table of its own.
  ///
  /// - Throws: `EEXIST` if the table has the route, unless `existing` accepts that.
  package static func addLocal(
    _ prefix: String, device: InterfaceIndex = .loopback, table: UInt32, existing: Addresses.Existing = .refuse,
    through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    try add(
      prefix, type: UInt8(RTN_LOCAL), scope: RT_SCOPE_HOST, via: nil, device: device, table: table,
      existing: existing, through: socket)
  }

  private static func add(
    _ prefix: String, type: UInt8, scope: rt_scope_t, via gateway: String?, device: InterfaceIndex?, table: UInt32,
    existing: Addresses.Existing, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let destination = try ParsedAddress(prefix)
    let route = try unsafe allocated(rtnl_route_alloc(), "rtnl_route")
    defer { unsafe rtnl_route_put(route) }
    unsafe rtnl_route_set_family(route, UInt8(destination.family))
    unsafe rtnl_route_set_table(route, table)
    unsafe rtnl_route_set_scope(route, UInt8(scope.rawValue))
    guard unsafe rtnl_route_set_type(route, type) == 0,
      unsafe destination.withPointer({ unsafe rtnl_route_set_dst(route, $0) }) == 0
    else { throw .malformed("route", prefix) }

    let hop = try unsafe allocated(rtnl_route_nh_alloc(), "rtnl_nexthop")
    // The route frees it from here on.
    unsafe rtnl_route_add_nexthop(route, hop)
    if let device { unsafe rtnl_route_nh_set_ifindex(hop, device.rawValue) }
    if let gateway {
      let address = try ParsedAddress(gateway, family: destination.family)
      unsafe address.withPointer { unsafe rtnl_route_nh_set_gateway(hop, $0) }
    }
    let request = try unsafe Message(label: "add route to \(prefix)") {
      unsafe rtnl_route_build_add_request(route, NLM_F_CREATE | NLM_F_EXCL, $0)
    }
    do throws(NetlinkError) {
      try socket.send([request])
    } catch let error where error.errno == .fileExists && existing == .accept {}
  }
}
