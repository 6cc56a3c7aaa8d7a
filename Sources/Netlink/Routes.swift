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

  /// Takes away a route that `addLocal` made.
  ///
  /// - Throws: `ESRCH` if the table has none.
  package static func removeLocal(
    _ prefix: String, device: InterfaceIndex = .loopback, table: UInt32, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let route = try unsafe allocate(
      prefix, type: UInt8(RTN_LOCAL), scope: RT_SCOPE_HOST, via: nil, device: device, table: table)
    defer { unsafe rtnl_route_put(route) }
    let request = try unsafe Message(label: "remove route to \(prefix) of table \(table)") {
      unsafe rtnl_route_build_del_request(route, 0, $0)
    }
    try socket.send([request])
  }

  /// Whether a table has a route that `addLocal` makes.
  package static func hasLocal(
    _ prefix: String, table: UInt32, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) -> Bool {
    let destination = try ParsedAddress(prefix)
    let prefixLength = unsafe destination.withPointer { unsafe nl_addr_get_prefixlen($0) }
    var header = [UInt8](repeating: 0, count: MemoryLayout<rtmsg>.size)
    header[0] = UInt8(destination.family)
    let request = Message(
      type: UInt16(RTM_GETROUTE), flags: 0, payload: header, label: "get routes of table \(table)", wantsAck: false)
    for message in try socket.dump(request) {
      let header = try message.header(rtmsg.self)
      guard CInt(header.rtm_type) == CInt(RTN_LOCAL), CInt(header.rtm_dst_len) == CInt(prefixLength) else { continue }
      let attributes = message.attributes(after: rtmsg.self)
      if try attributes.first(UInt16(RTA_TABLE.rawValue))?.integer(UInt32.self) ?? UInt32(header.rtm_table) == table {
        return true
      }
    }
    return false
  }

  private static func add(
    _ prefix: String, type: UInt8, scope: rt_scope_t, via gateway: String?, device: InterfaceIndex?, table: UInt32,
    existing: Addresses.Existing, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let route = try unsafe allocate(prefix, type: type, scope: scope, via: gateway, device: device, table: table)
    defer { unsafe rtnl_route_put(route) }
    let request = try unsafe Message(label: "add route to \(prefix)") {
      unsafe rtnl_route_build_add_request(route, NLM_F_CREATE | NLM_F_EXCL, $0)
    }
    do throws(NetlinkError) {
      try socket.send([request])
    } catch let error where error.errno == .fileExists && existing == .accept {}
  }

  /// Libnl's object for a route; the caller puts it back.
  private static func allocate(
    _ prefix: String, type: UInt8, scope: rt_scope_t, via gateway: String?, device: InterfaceIndex?, table: UInt32
  ) throws(NetlinkError) -> OpaquePointer {
    let destination = try ParsedAddress(prefix)
    let gatewayAddress: ParsedAddress? =
      if let gateway { try ParsedAddress(gateway, family: destination.family) } else { nil }
    let route = try unsafe allocated(rtnl_route_alloc(), "rtnl_route")
    unsafe rtnl_route_set_family(route, UInt8(destination.family))
    unsafe rtnl_route_set_table(route, table)
    unsafe rtnl_route_set_scope(route, UInt8(scope.rawValue))
    guard unsafe rtnl_route_set_type(route, type) == 0,
      unsafe destination.withPointer({ unsafe rtnl_route_set_dst(route, $0) }) == 0,
      let hop = unsafe rtnl_route_nh_alloc()
    else {
      unsafe rtnl_route_put(route)
      throw .malformed("route", prefix)
    }
    // The route frees it from here on.
    unsafe rtnl_route_add_nexthop(route, hop)
    if let device { unsafe rtnl_route_nh_set_ifindex(hop, device.rawValue) }
    if let gatewayAddress { unsafe gatewayAddress.withPointer { unsafe rtnl_route_nh_set_gateway(hop, $0) } }
    return unsafe route
  }
}
