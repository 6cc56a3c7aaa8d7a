import CLinux
import CNI
import Netlink
import System
import SystemPackage

/// The bridge on the node that all node ends of a network are ports of, where the configuration names one.
///
/// It stays when the last attachment goes, and so do its addresses, the gateways'.
struct Bridge {
  let index: InterfaceIndex

  /// Finds the bridge, or makes it. Who comes second in a race for it finds what the first one has made.
  init(_ name: String, through socket: borrowing NetlinkSocket) throws(NetlinkError) {
    do throws(NetlinkError) {
      try socket.createBridge(name)
    } catch let error where error.errno == .fileExists {}
    index = try Links.index(of: name, through: socket)
    try Links.setUp(index, through: socket)
  }

  /// The bridge that is there; nil if there is none.
  static func index(of name: String?, through socket: borrowing NetlinkSocket) throws(NetlinkError) -> InterfaceIndex? {
    guard let name else { return nil }
    return try socket.link(name)?.index
  }

  func add(_ port: InterfaceIndex, through socket: borrowing NetlinkSocket) throws(NetlinkError) {
    try socket.setLink(port, master: index)
  }

  /// Gives the bridge a gateway's address, in the network of the address that it is the gateway of.
  func add(gateway: IPPrefix, of address: IPPrefix, through socket: borrowing NetlinkSocket) throws(NetlinkError) {
    try Addresses.add("\(gateway.address)/\(address.length)", to: index, through: socket, existing: .accept)
  }
}
