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

  /// Makes an interface a port.
  ///
  /// The kernel notices carriers in the background, a bridge's up to a second later, and changes routes then. So this
  /// waits for the port's, which comes soon, and tells the kernel of the bridge's: a plugin that says it is done should be.
  func add(_ port: String, through socket: borrowing NetlinkSocket) throws(NetlinkError) {
    for _ in 0..<500 {
      if try socket.link(port)?.isOperational != false { break }
      pause(milliseconds: 2)
    }
    try socket.setLink(try Links.index(of: port, through: socket), master: index)
    try socket.setLink(index, isOperational: true)
  }

  /// Gives the bridge a gateway's address, in the network of the address that it is the gateway of.
  func add(gateway: IPPrefix, of address: IPPrefix, through socket: borrowing NetlinkSocket) throws(NetlinkError) {
    try Addresses.add("\(gateway.address)/\(address.length)", to: index, through: socket, existing: .accept)
  }
}
