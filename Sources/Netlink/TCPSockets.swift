import CLinux
import Glibc

/// TCP sockets of the namespace that a netlink socket is bound to, whoever has them.
package enum TCPSockets {
  /// Lists the listeners, and the sockets whose connection can still carry data.
  ///
  /// - Complexity: twice the size of the kernel's table, which holds the connections of all namespaces. With 24 GB of
  ///   memory it has 2^18 entries, and being empty takes 0.4 ms.
  package static func list(through socket: borrowing NetlinkSocket) throws(NetlinkError) -> [TCPSocket] {
    var sockets: [TCPSocket] = []
    for family in [AF_INET, AF_INET6] {
      for message in try socket.dump(request(family)) { sockets.append(try TCPSocket(message)) }
    }
    return sockets
  }

  static func request(_ family: CInt) -> Message {
    var request = inet_diag_req_v2()
    request.sdiag_family = UInt8(family)
    request.sdiag_protocol = UInt8(IPPROTO_TCP)
    request.idiag_states = states.reduce(0) { $0 | 1 << UInt32($1) }
    let payload = unsafe withUnsafeBytes(of: request) { unsafe Array($0) }
    return Message(
      type: UInt16(SOCK_DIAG_BY_FAMILY), flags: 0, payload: payload, label: "get TCP sockets", wantsAck: false)
  }

  /// One end may have closed its half; while a state is one of these, the other half, or what was lost of the first,
  /// is still on its way.
  private static let states = [
    TCP_LISTEN, TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK,
  ]
}

/// One end of a TCP connection, or who waits for one.
package struct TCPSocket: Sendable, Hashable {
  package let local: TransportAddress
  /// Nil for a listener.
  package let peer: TransportAddress?

  package init(local: TransportAddress, peer: TransportAddress?) {
    self.local = local
    self.peer = peer
  }

  init(_ message: Message) throws(NetlinkError) {
    let header = try message.header(inet_diag_msg.self)
    let isIPv6 = CInt(header.idiag_family) == AF_INET6
    let source = unsafe withUnsafeBytes(of: header.id.idiag_src) { unsafe Array($0) }
    let destination = unsafe withUnsafeBytes(of: header.id.idiag_dst) { unsafe Array($0) }
    let end = { (address: [UInt8], port: UInt16) in
      TransportAddress(isIPv6 ? address : Array(address.prefix(TransportAddress.lengthOfIPv4)), UInt16(bigEndian: port))
    }
    local = end(source, header.id.idiag_sport)
    peer = Int(header.idiag_state) == TCP_LISTEN ? nil : end(destination, header.id.idiag_dport)
  }
}

/// An address of IPv4 or IPv6 and a port.
package struct TransportAddress: Sendable, Hashable {
  /// In network byte order: 4 bytes, or 16.
  package let address: [UInt8]
  package let port: UInt16

  /// - Parameter address: 4 or 16 bytes in network byte order. An IPv6 socket has IPv4 peers at addresses of
  ///   ::ffff:0:0/96; what goes over the wire is IPv4, so these are taken for what they stand for.
  package init(_ address: [UInt8], _ port: UInt16) {
    let isMapped = address.starts(with: Self.mappedPrefix)
    self.address = isMapped ? Array(address.dropFirst(Self.mappedPrefix.count)) : address
    self.port = port
  }

  var isIPv6: Bool { address.count != Self.lengthOfIPv4 }

  static let lengthOfIPv4 = MemoryLayout<in_addr>.size
  private static let mappedPrefix: [UInt8] = Array(repeating: 0, count: 10) + [0xff, 0xff]
}
