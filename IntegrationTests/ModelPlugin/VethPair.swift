import CNI
import FaultTable
import Glibc
import JSON
import Netlink
import System
import SystemPackage

/// The two ends of an attachment: `CNI_IFNAME` in the container, and one on the node that is named after the attachment.
///
/// Where the configuration names no bridge, the node end has the gateways' addresses and a route to each of the
/// container's.
struct VethPair: ~Copyable {
  private let request: Request
  private let container: NetlinkSocket
  private let node: NetlinkSocket
  private let namespace: NetworkNamespace

  static func open(_ request: Request, _ namespace: consuming NetworkNamespace) throws(Failure) -> VethPair {
    let path = request.invocation.namespacePath ?? ""
    let container = try attempting("enter the network namespace \(path)") {
      try NetlinkSocket.open(.route, in: namespace)
    }
    let node = try attempting("speak to the kernel") { try NetlinkSocket.open(.route) }
    return VethPair(request: request, container: container, node: node, namespace: namespace)
  }

  private static func nodeEnd(_ key: AttachmentKey) -> String { "m\(key.digits.prefix(12))" }

  private var inner: String { request.invocation.interfaceName }

  borrowing func requireAbsence() throws(Failure) {
    let link = try attempting("look for the interface \(inner)") { try container.link(inner) }
    if fault == .replacesExistingInterface, let link {
      try attempting("replace the interface") { try Links.delete(link.index, through: container) }
      return
    }
    guard link == nil else {
      throw Failure(code: .exists, message: "cannot make the interface \(inner): the container has one of that name")
    }
  }

  // MARK: Making it

  /// Makes the pair and gives it the addresses and routes of an IPAM result.
  ///
  /// - Returns: `interfaces`, `ips` and `routes` as version 1.1.0 says them.
  borrowing func create(_ addresses: JSONObject, mac: String?) throws(Failure) -> JSONObject {
    let outer = Self.nodeEnd(request.key)
    var mtu = try request.configuration.int("mtu")
    if fault == .dependsOnVersion, request.configuration.version < .v1_0_0 { mtu = 1400 }
    if fault == .failsBesideLoopback, try attempting("look at lo", { try container.link("lo")?.isUp }) == true {
      throw Failure(code: .refused, message: "cannot work beside the loopback plugin")
    }
    return try attempting("make the interface \(inner)") {
      try Links.createVeth(outer, peer: inner, peerNamespace: namespace, through: node)
      let outside = try index(of: outer, node)
      let inside = try index(of: inner, container)
      try container.setLink(inside, mtu: mtu, mac: mac)
      try node.setLink(outside, mtu: mtu)
      try Links.setUp(inside, through: container)
      try Links.setUp(outside, through: node)
      let bridge: Bridge? = if let name = try bridgeName { try Bridge(name, through: node) } else { nil }
      try bridge?.add(outer, through: node)
      let ips = (addresses["ips"]?.array ?? []).compactMap(\.object)
      for ip in ips { try place(ip, inside: inside, outside: outside, bridge) }
      let routes = try (addresses["routes"]?.array ?? []).compactMap(\.object).map { route in
        try add(route, gateways: ips, device: inside)
      }
      return [
        "interfaces": .array([
          .object(try facts(of: outer, node, sandbox: nil)),
          .object(try facts(of: inner, container, sandbox: request.invocation.namespacePath)),
        ]),
        "ips": .array(ips.map { .object($0) }), "routes": .array(routes.map { .object($0) }),
      ]
    }
  }

  private borrowing func index(of name: String, _ socket: borrowing NetlinkSocket) throws -> InterfaceIndex {
    try Links.index(of: name, through: socket)
  }

  private var bridgeName: String? {
    get throws(Failure) { try request.configuration.string("bridge") }
  }

  private borrowing func place(
    _ ip: JSONObject, inside: InterfaceIndex, outside: InterfaceIndex, _ bridge: Bridge?
  ) throws {
    guard let text = ip["address"]?.string, let address = IPPrefix(text) else { return }
    try Addresses.add(text, to: inside, through: container)
    if let bridge {
      guard let gateway = ip["gateway"]?.string.flatMap(IPPrefix.init) else { return }
      return try bridge.add(gateway: gateway, of: address, through: node)
    }
    try Routes.add("\(address.address)/\(address.bitCount)", device: outside, through: node)
    guard let gateway = ip["gateway"]?.string.flatMap(IPPrefix.init) else { return }
    try Addresses.add("\(gateway.address)/\(gateway.bitCount)", to: outside, through: node, existing: .accept)
  }

  /// Adds one route; one without a gateway goes by that of the first address of its family.
  private borrowing func add(
    _ route: JSONObject, gateways: [JSONObject], device: InterfaceIndex
  ) throws -> JSONObject {
    guard let text = route["dst"]?.string, let destination = IPPrefix(text) else {
      throw Failure(code: .delegation, message: "cannot use a route of the IPAM plugin: it has no destination")
    }
    let other = gateways.compactMap { $0["gateway"]?.string }
      .first { IPPrefix($0)?.isIPv6 == destination.isIPv6 }
    let gateway = route["gw"]?.string ?? other
    var made = route
    made["gw"] = gateway.map { .string($0) }
    try container.addRoute(
      RouteFacts(destination: destination, gateway: gateway.flatMap(IPPrefix.init), device: device.rawValue),
      extras: RouteExtras(route))
    return made
  }

  private borrowing func facts(
    of name: String, _ socket: borrowing NetlinkSocket, sandbox: String?
  ) throws -> JSONObject {
    var facts: JSONObject = ["name": .string(name)]
    if let link = try socket.link(name) {
      facts["mac"] = .string(link.mac)
      facts["mtu"] = .number(JSONNumber(link.mtu))
    }
    facts["sandbox"] = sandbox.map { .string($0) }
    return facts
  }

  /// The addresses in what `create` returned.
  borrowing func addresses(_ made: JSONObject) -> [IPPrefix] {
    (made["ips"]?.array ?? []).compactMap { $0["address"]?.string.flatMap(IPPrefix.init) }
  }

  /// Removes the pair of an attachment; that there is none is fine.
  static func delete(_ key: AttachmentKey) throws(Failure) {
    try delete(nodeEnd(key), in: try nodeNamespace())
  }

  static func delete(_ name: String, in namespace: borrowing NetworkNamespace) throws(Failure) {
    try attempting("remove the interface \(name)") {
      let node = try NetlinkSocket.open(.route, in: namespace)
      let link = try node.link(name)
      if fault == .failsDeleteOfLostLinks, link == nil {
        throw Failure(code: .refused, message: "cannot remove the interface \(name): there is none")
      }
      if let link {
        do {
          try Links.delete(link.index, through: node)
        } catch let error as NetlinkError where error.errno == Errno(rawValue: ENODEV) {
          // It went with its namespace meanwhile.
        }
      }
    }
  }

  // MARK: Comparing it

  /// Compares the pair with the final result of the list.
  ///
  /// Later plugins may have changed what we made, and then say so in the result: of addresses and routes only those count
  /// that we made and that are still in it.
  borrowing func compare(_ result: JSONObject, made: JSONObject) throws(Failure) {
    let interfaces = result["interfaces"]?.array ?? []
    guard
      let position = interfaces.firstIndex(where: {
        $0["name"]?.string == inner && $0["sandbox"]?.string?.isEmpty == false
      })
    else { throw broken("prevResult has no interface \(inner)") }
    let link = try attempting("look at the interface \(inner)") { try container.link(inner) }
    guard let link else { throw broken("the interface \(inner) is gone") }
    if fault == .checksExistenceOnly { return }
    guard link.isUp else { throw broken("the interface \(inner) is down") }
    if let mac = interfaces[position]["mac"]?.string, !mac.isEmpty, mac.lowercased() != link.mac {
      throw broken("the interface \(inner) has the address \(link.mac), not \(mac)")
    }
    if let mtu = interfaces[position]["mtu"]?.int, mtu != 0, mtu != link.mtu {
      if fault == .crashesOnChangedMTU { crash() }
      throw broken("the interface \(inner) has the MTU \(link.mtu), not \(mtu)")
    }
    let listed = (result["ips"]?.array ?? []).compactMap { $0["address"]?.string.flatMap(IPPrefix.init) }
    let expected = Set(addresses(made)).intersection(listed)
    try compareAddresses(expected.union(own(result, position)), link.index)
    if fault != .overlooksRoutes { try compareRoutes(result, made, link.index) }
    if fault != .overlooksNodeEnd { try compareNodeEnd(expected) }
  }

  /// The addresses that the result puts on our interface.
  private borrowing func own(_ result: JSONObject, _ position: Int) -> [IPPrefix] {
    (result["ips"]?.array ?? []).filter { $0["interface"]?.int == position }
      .compactMap { $0["address"]?.string.flatMap(IPPrefix.init) }
  }

  private borrowing func compareAddresses(_ expected: Set<IPPrefix>, _ index: InterfaceIndex) throws(Failure) {
    let present = try attempting("look at the addresses of \(inner)") {
      try Addresses.list(through: container).filter { $0.interface == index }.compactMap { IPPrefix($0.text) }
    }
    for address in expected where !present.contains(address) {
      throw broken("the interface \(inner) does not have the address \(address)")
    }
  }

  private borrowing func compareRoutes(_ result: JSONObject, _ made: JSONObject, _ index: InterfaceIndex)
    throws(Failure)
  {
    let listed = routes(result, index)
    let present = try attempting("look at the routes of the container") { try container.routes() }
    for route in routes(made, index) where listed.contains(route) && !present.contains(route) {
      throw broken("the route to \(route.destination) is gone")
    }
  }

  private borrowing func routes(_ result: JSONObject, _ index: InterfaceIndex) -> [RouteFacts] {
    (result["routes"]?.array ?? []).compactMap { route in
      guard let destination = route["dst"]?.string.flatMap(IPPrefix.init) else { return nil }
      return RouteFacts(
        destination: destination.with(destination.network), gateway: route["gw"]?.string.flatMap(IPPrefix.init),
        device: index.rawValue)
    }
  }

  private borrowing func compareNodeEnd(_ expected: Set<IPPrefix>) throws(Failure) {
    let name = Self.nodeEnd(request.key)
    let link = try attempting("look at the interface \(name)") { try node.link(name) }
    guard let link, link.isUp else { throw broken("the interface \(name) on the node is gone or down") }
    let bridge = try attempting("look at the bridge") { try Bridge.index(of: bridgeName, through: node) }
    guard link.master == bridge else { throw broken("the interface \(name) on the node is on no bridge, or another") }
    for address in expected {
      let device = try attempting("look for the route to \(address.address)") { try node.device(towards: address) }
      guard device == (bridge ?? link.index).rawValue else {
        throw broken("the node does not reach \(address.address) by \(name)")
      }
    }
  }

  private borrowing func broken(_ finding: String) -> Failure {
    Failure(code: .broken, message: "CHECK of \(inner): \(finding)")
  }
}

extension RouteExtras {
  init(_ route: JSONObject) {
    mtu = route["mtu"]?.int.map { UInt32(clamping: $0) }
    advmss = route["advmss"]?.int.map { UInt32(clamping: $0) }
    priority = route["priority"]?.int.map { UInt32(clamping: $0) }
    table = route["table"]?.int.map { UInt32(clamping: $0) }
    scope = route["scope"]?.int.map { UInt8(clamping: $0) }
  }
}
