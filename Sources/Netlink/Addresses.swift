import CLinux
import CNetlink
import SystemPackage

/// Addresses of the namespace that a socket is bound to.
package enum Addresses {
  /// What to do if the wanted thing is there already.
  package enum Existing: Sendable {
    case refuse
    case accept
  }

  /// Gives an interface an address.
  ///
  /// An IPv6 address is usable at once, without duplicate address detection (`IFA_F_NODAD`).
  ///
  /// - Parameter text: with its prefix length, `10.0.0.2/24`; without one it stands for itself alone.
  /// - Returns: Whether the interface had not got it.
  /// - Throws: `EEXIST` if the interface has it, unless `existing` accepts that.
  @discardableResult
  package static func add(
    _ text: String, to index: InterfaceIndex, through socket: borrowing NetlinkSocket, existing: Existing = .refuse
  ) throws(NetlinkError) -> Bool {
    let parsed = try ParsedAddress(text)
    let address = try unsafe allocated(rtnl_addr_alloc(), "rtnl_addr")
    defer { unsafe rtnl_addr_put(address) }
    unsafe rtnl_addr_set_ifindex(address, index.rawValue)
    guard unsafe parsed.withPointer({ unsafe rtnl_addr_set_local(address, $0) }) == 0 else {
      throw .malformed("address", text)
    }
    if parsed.family == AF_INET6 { unsafe rtnl_addr_set_flags(address, UInt32(IFA_F_NODAD)) }
    let request = try unsafe Message(label: "add \(text) to \(index)") {
      unsafe rtnl_addr_build_add_request(address, NLM_F_CREATE | NLM_F_EXCL, $0)
    }
    do throws(NetlinkError) {
      try socket.send([request])
      return true
    } catch let error where error.errno == .fileExists && existing == .accept {
      return false
    }
  }

  /// Takes an address from an interface.
  ///
  /// - Throws: `EADDRNOTAVAIL` if the interface has not got it.
  package static func remove(
    _ text: String, from index: InterfaceIndex, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let parsed = try ParsedAddress(text)
    let address = try unsafe allocated(rtnl_addr_alloc(), "rtnl_addr")
    defer { unsafe rtnl_addr_put(address) }
    unsafe rtnl_addr_set_ifindex(address, index.rawValue)
    guard unsafe parsed.withPointer({ unsafe rtnl_addr_set_local(address, $0) }) == 0 else {
      throw .malformed("address", text)
    }
    let request = try unsafe Message(label: "remove \(text) from \(index)") {
      unsafe rtnl_addr_build_delete_request(address, 0, $0)
    }
    try socket.send([request])
  }

  /// All addresses, of both families.
  package static func list(through socket: borrowing NetlinkSocket) throws(NetlinkError) -> [InterfaceAddress] {
    let request = Message(
      type: UInt16(RTM_GETADDR), flags: 0, payload: Array(repeating: 0, count: MemoryLayout<ifaddrmsg>.size),
      label: "get addresses", wantsAck: false)
    var addresses: [InterfaceAddress] = []
    for message in try socket.dump(request) { addresses.append(try InterfaceAddress(message)) }
    return addresses
  }
}

/// An address that an interface has.
package struct InterfaceAddress: Sendable, Hashable {
  /// With its prefix length: `10.0.0.2/24`, `fd00::2/64`.
  package let text: String
  package let interface: InterfaceIndex
  /// Whether it waits for duplicate address detection, and cannot be used yet.
  package let isTentative: Bool

  fileprivate init(_ message: Message) throws(NetlinkError) {
    let header = try message.header(ifaddrmsg.self)
    let attributes = message.attributes(after: ifaddrmsg.self)
    // On a point-to-point link IFA_ADDRESS is the other end; IPv6 has IFA_LOCAL only there.
    let local = try attributes.first(UInt16(IFA_LOCAL))
    let other = try attributes.first(UInt16(IFA_ADDRESS))
    guard let value = local ?? other else { throw .malformed("address", "no IFA_ADDRESS") }
    text = "\(try Self.text(value.value, family: CInt(header.ifa_family)))/\(header.ifa_prefixlen)"
    interface = InterfaceIndex(rawValue: CInt(bitPattern: header.ifa_index))
    let flags = try attributes.first(UInt16(IFA_FLAGS))?.integer(UInt32.self) ?? UInt32(header.ifa_flags)
    isTentative = flags & UInt32(IFA_F_TENTATIVE) != 0
  }

  private static func text(_ bytes: ArraySlice<UInt8>, family: CInt) throws(NetlinkError) -> String {
    let isWhole = family == AF_INET ? bytes.count == 4 : family == AF_INET6 && bytes.count == 16
    guard isWhole else { throw .malformed("address", "\(bytes.count) bytes of family \(family)") }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let bytes = Array(bytes)
    guard unsafe inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else {
      throw .malformed("address", "\(bytes)")
    }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
