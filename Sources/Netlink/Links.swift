import CLinux
import CNetlink
package import System

/// Interfaces of the namespace that a socket is bound to.
package enum Links {
  /// The index of an interface.
  ///
  /// - Throws: `ENODEV` if there is none of that name.
  package static func index(
    of name: String, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) -> InterfaceIndex {
    let request = try unsafe Message(label: "get link \(name)") { unsafe rtnl_link_build_get_request(0, name, $0) }
    return try Link(socket.ask(request)).index
  }

  /// The hardware address of an interface, as six bytes for Ethernet; empty if it has none.
  ///
  /// - Throws: `ENODEV` if there is none of that name.
  package static func hardwareAddress(
    of name: String, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) -> [UInt8] {
    let request = try unsafe Message(label: "get link \(name)") { unsafe rtnl_link_build_get_request(0, name, $0) }
    return try Link(socket.ask(request)).hardwareAddress
  }

  /// Whether an interface is up and so is its other end: the kernel drops what is sent before it has taken note of that.
  ///
  /// - Throws: `ENODEV` if there is none of that name.
  package static func isRunning(
    _ name: String, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) -> Bool {
    let request = try unsafe Message(label: "get link \(name)") { unsafe rtnl_link_build_get_request(0, name, $0) }
    return try Link(socket.ask(request)).isRunning
  }

  /// The names of all interfaces, in the order of their indexes.
  package static func names(through socket: borrowing NetlinkSocket) throws(NetlinkError) -> [String] {
    let request = Message(
      type: UInt16(RTM_GETLINK), flags: 0, payload: Array(repeating: 0, count: MemoryLayout<ifinfomsg>.size),
      label: "get links", wantsAck: false)
    var names: [String] = []
    for message in try socket.dump(request) { names.append(try Link(message).name) }
    return names
  }

  /// Makes a pair of connected interfaces, both down: one here, the peer in another namespace.
  ///
  /// - Throws: `EEXIST` if either name is taken.
  package static func createVeth(
    _ name: String, peer: String, peerNamespace: borrowing NetworkNamespace,
    through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let link = try unsafe allocated(rtnl_link_veth_alloc(), "rtnl_link")
    defer { unsafe rtnl_link_put(link) }
    let other = try unsafe allocated(rtnl_link_veth_get_peer(link), "rtnl_link")
    defer { unsafe rtnl_link_put(other) }
    unsafe rtnl_link_set_name(link, name)
    unsafe rtnl_link_set_name(other, peer)
    try peerNamespace.withRawValue { (descriptor) throws(NetlinkError) in
      unsafe rtnl_link_set_ns_fd(other, descriptor)
      let request = try unsafe Message(label: "new veth \(name)") {
        unsafe rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, $0)
      }
      try socket.send([request])
    }
  }

  /// Sets an interface up.
  package static func setUp(
    _ index: InterfaceIndex, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let link = try unsafe allocated(rtnl_link_alloc(), "rtnl_link")
    defer { unsafe rtnl_link_put(link) }
    let change = try unsafe allocated(rtnl_link_alloc(), "rtnl_link")
    defer { unsafe rtnl_link_put(change) }
    unsafe rtnl_link_set_ifindex(link, index.rawValue)
    unsafe rtnl_link_set_flags(change, UInt32(IFF_UP))
    let request = try unsafe Message(label: "set \(index) up") {
      unsafe rtnl_link_build_change_request(link, change, 0, $0)
    }
    try socket.send([request])
  }

  /// Deletes an interface; of a pair the peer goes as well.
  package static func delete(
    _ index: InterfaceIndex, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let link = try unsafe allocated(rtnl_link_alloc(), "rtnl_link")
    defer { unsafe rtnl_link_put(link) }
    unsafe rtnl_link_set_ifindex(link, index.rawValue)
    let request = try unsafe Message(label: "delete \(index)") { unsafe rtnl_link_build_delete_request(link, $0) }
    try socket.send([request])
  }
}

/// What we want to know of an `RTM_NEWLINK`: a `struct ifinfomsg` with attributes behind it.
private struct Link {
  let index: InterfaceIndex
  let name: String
  let hardwareAddress: [UInt8]
  let isRunning: Bool

  init(_ message: Message) throws(NetlinkError) {
    let header = try message.header(ifinfomsg.self)
    index = InterfaceIndex(rawValue: header.ifi_index)
    isRunning = header.ifi_flags & UInt32(IFF_RUNNING) != 0
    let attributes = message.attributes(after: ifinfomsg.self)
    guard let name = try attributes.first(UInt16(IFLA_IFNAME)) else {
      throw .malformed("link", "no IFLA_IFNAME")
    }
    self.name = try name.string()
    hardwareAddress = try attributes.first(UInt16(IFLA_ADDRESS)).map { Array($0.value) } ?? []
  }
}
