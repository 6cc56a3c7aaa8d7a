import CLinux
import FaultTable
import Netlink
import System
import SystemPackage

/// An interface as the kernel has it.
struct LinkFacts {
  let index: InterfaceIndex
  let mac: String
  let mtu: Int
  let isUp: Bool
  /// Whether the kernel has noticed that it has a carrier, which it does in the background.
  let isOperational: Bool
  /// The bridge that it is a port of.
  let master: InterfaceIndex?
}

/// A route as the kernel has it, or shall have it.
struct RouteFacts: Hashable {
  let destination: IPPrefix
  let gateway: IPPrefix?
  let device: CInt
}

/// What this plugin needs beyond what `Netlink` offers.
extension NetlinkSocket {
  /// The interface of that name; nil if there is none.
  borrowing func link(_ name: String) throws(NetlinkError) -> LinkFacts? {
    var attributes = Attributes()
    attributes.append(UInt16(IFLA_IFNAME), string: name)
    let request = Message(
      type: UInt16(RTM_GETLINK), flags: 0, payload: linkHeader() + attributes.bytes, label: "get link \(name)")
    let answer: Message
    do throws(NetlinkError) {
      answer = try ask(request)
    } catch let error where error.errno == Errno(rawValue: ENODEV) {
      return nil
    }
    let header = answer.payload
    let reader = AttributeReader(header.dropFirst(16))
    return LinkFacts(
      index: InterfaceIndex(rawValue: CInt(bitPattern: header.word(at: 4))),
      mac: try reader.first(UInt16(IFLA_ADDRESS)).map { macText($0.value) } ?? "",
      mtu: Int(try reader.first(UInt16(IFLA_MTU))?.integer(UInt32.self) ?? 0),
      isUp: header.word(at: 8) & UInt32(IFF_UP) != 0,
      isOperational: try reader.first(UInt16(IFLA_OPERSTATE))?.integer(UInt8.self) == UInt8(IF_OPER_UP),
      master: try reader.first(UInt16(IFLA_MASTER)).map { (attribute) throws(NetlinkError) in
        InterfaceIndex(rawValue: CInt(bitPattern: try attribute.integer(UInt32.self)))
      })
  }

  /// Makes a bridge, with an address of its own: else it has that of a port, and another one when that port goes, which
  /// containers that know the gateway do not expect.
  borrowing func createBridge(_ name: String) throws(NetlinkError) {
    var attributes = Attributes()
    attributes.append(UInt16(IFLA_IFNAME), string: name)
    attributes.append(UInt16(IFLA_ADDRESS), [2] + Array(AttachmentKey.digits(name).utf8.prefix(5)))
    attributes.nest(UInt16(IFLA_LINKINFO)) { $0.append(UInt16(IFLA_INFO_KIND), string: "bridge") }
    try send([
      Message(
        type: UInt16(RTM_NEWLINK), flags: UInt16(NLM_F_CREATE | NLM_F_EXCL), payload: linkHeader() + attributes.bytes,
        label: "new bridge \(name)")
    ])
  }

  borrowing func setLink(
    _ index: InterfaceIndex, mtu: Int? = nil, mac: String? = nil, master: InterfaceIndex? = nil,
    isOperational: Bool = false
  ) throws(NetlinkError) {
    var attributes = Attributes()
    if let mtu { attributes.append(UInt16(IFLA_MTU), UInt32(clamping: mtu)) }
    if let mac { attributes.append(UInt16(IFLA_ADDRESS), macBytes(mac)) }
    if let master { attributes.append(UInt16(IFLA_MASTER), UInt32(bitPattern: master.rawValue)) }
    if isOperational { attributes.append(UInt16(IFLA_OPERSTATE), UInt8(IF_OPER_UP)) }
    guard !attributes.bytes.isEmpty else { return }
    try send([
      Message(
        type: UInt16(RTM_NEWLINK), flags: 0, payload: linkHeader(index) + attributes.bytes, label: "change \(index)")
    ])
  }

  private borrowing func linkHeader(_ index: InterfaceIndex = InterfaceIndex(rawValue: 0)) -> [UInt8] {
    [0, 0, 0, 0] + UInt32(bitPattern: index.rawValue).bytes + [0, 0, 0, 0, 0, 0, 0, 0]
  }

  /// Adds a route, behind any other to the same destination: the first one of a container keeps its place.
  borrowing func addRoute(_ route: RouteFacts, extras: RouteExtras = RouteExtras()) throws(NetlinkError) {
    do throws(NetlinkError) {
      try send([message(UInt16(RTM_NEWROUTE), route, extras)])
    } catch let error where error.errno == .fileExists && extras.priority == nil {
      var later = extras
      later.priority = 1024 + UInt32(route.device)
      try send([message(UInt16(RTM_NEWROUTE), route, later)])
    }
  }

  private borrowing func message(_ type: UInt16, _ route: RouteFacts, _ extras: RouteExtras) -> Message {
    let scope = extras.scope ?? UInt8(route.gateway == nil ? RT_SCOPE_LINK.rawValue : RT_SCOPE_UNIVERSE.rawValue)
    let table = extras.table ?? UInt32(RT_TABLE_MAIN.rawValue)
    let family = route.destination.isIPv6 ? AF_INET6 : AF_INET
    var attributes = Attributes()
    attributes.append(UInt16(RTA_DST.rawValue), route.destination.bytes)
    attributes.append(UInt16(RTA_OIF.rawValue), UInt32(bitPattern: route.device))
    attributes.append(UInt16(RTA_TABLE.rawValue), table)
    if let gateway = route.gateway { attributes.append(UInt16(RTA_GATEWAY.rawValue), gateway.bytes) }
    if let priority = extras.priority { attributes.append(UInt16(RTA_PRIORITY.rawValue), priority) }
    if extras.mtu != nil || extras.advmss != nil {
      attributes.nest(UInt16(RTA_METRICS.rawValue)) { metrics in
        if let mtu = extras.mtu { metrics.append(UInt16(RTAX_MTU), mtu) }
        if let advmss = extras.advmss { metrics.append(UInt16(RTAX_ADVMSS), advmss) }
      }
    }
    let header: [UInt8] = [
      UInt8(family), UInt8(route.destination.length), 0, 0, UInt8(truncatingIfNeeded: min(table, 252)),
      UInt8(RTPROT_BOOT), scope, UInt8(RTN_UNICAST), 0, 0, 0, 0,
    ]
    return Message(
      type: type, flags: UInt16(NLM_F_CREATE | (fault == .replacesDefaultRoute ? NLM_F_REPLACE : NLM_F_EXCL)),
      payload: header + attributes.bytes,
      label: "add route to \(route.destination)")
  }

  /// The routes of all tables to more than one address of one's own.
  borrowing func routes() throws(NetlinkError) -> [RouteFacts] {
    var routes: [RouteFacts] = []
    for family in [AF_INET, AF_INET6] {
      let request = Message(
        type: UInt16(RTM_GETROUTE), flags: 0, payload: [UInt8(family)] + [UInt8](repeating: 0, count: 11),
        label: "get routes", wantsAck: false)
      for message in try dump(request) {
        let reader = AttributeReader(message.payload.dropFirst(12))
        let none = [UInt8](repeating: 0, count: family == AF_INET ? 4 : 16)
        let destination = try reader.first(UInt16(RTA_DST.rawValue)).map { Array($0.value) } ?? none
        let gateway = try reader.first(UInt16(RTA_GATEWAY.rawValue)).map { Array($0.value) }
        let device = try reader.first(UInt16(RTA_OIF.rawValue))?.integer(UInt32.self) ?? 0
        routes.append(
          RouteFacts(
            destination: IPPrefix(bytes: destination, length: Int(message.payload[1])),
            gateway: gateway.map { IPPrefix(bytes: $0, length: $0.count * 8) }, device: CInt(bitPattern: device)))
      }
    }
    return routes
  }

  /// The number of the interface that packets to an address leave by; nil if they leave by none.
  borrowing func device(towards address: IPPrefix) throws(NetlinkError) -> CInt? {
    var attributes = Attributes()
    attributes.append(UInt16(RTA_DST.rawValue), address.bytes)
    let header =
      [UInt8(address.isIPv6 ? AF_INET6 : AF_INET), UInt8(address.bitCount)] + [UInt8](repeating: 0, count: 10)
    let request = Message(
      type: UInt16(RTM_GETROUTE), flags: 0, payload: header + attributes.bytes, label: "route to \(address.address)")
    guard let answer = try? ask(request) else { return nil }
    let reader = AttributeReader(answer.payload.dropFirst(12))
    return try reader.first(UInt16(RTA_OIF.rawValue)).map { (attribute) throws(NetlinkError) in
      CInt(bitPattern: try attribute.integer(UInt32.self))
    }
  }
}

/// What a route of version 1.1.0 may say beside where it goes.
struct RouteExtras {
  var mtu: UInt32?
  var advmss: UInt32?
  var priority: UInt32?
  var table: UInt32?
  var scope: UInt8?
}

private func macText(_ bytes: ArraySlice<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
}

private func macBytes(_ text: String) -> [UInt8] {
  text.split(separator: ":").compactMap { UInt8($0, radix: 16) }
}

extension [UInt8] {
  fileprivate func word(at offset: Int) -> UInt32 {
    withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
  }
}

extension UInt32 {
  fileprivate var bytes: [UInt8] { withUnsafeBytes(of: self) { Array($0) } }
}
