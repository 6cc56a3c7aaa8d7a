import CLinux
import Glibc
import Testing

@testable import Netlink

struct TCPSocketsTests {
  @Test("the request names family, protocol and the states that are wanted", arguments: [AF_INET, AF_INET6])
  func request(_ family: CInt) {
    let request = TCPSockets.request(family)
    #expect(request.type == 20)
    // LISTEN 10, ESTABLISHED 1, FIN_WAIT1 4, FIN_WAIT2 5, CLOSE_WAIT 8, CLOSING 11, LAST_ACK 9; neither SYN_SENT 2,
    // SYN_RECV 3, TIME_WAIT 6 nor CLOSE 7.
    #expect(request.payload == [UInt8(family), 6, 0, 0, 0x32, 0x0f, 0, 0] + Array(repeating: 0, count: 48))
  }

  @Test("both ends of an IPv4 connection are read")
  func ipv4() throws {
    let message = Self.message(
      AF_INET, state: TCP_ESTABLISHED, [10, 9, 0, 2], 40000, [192, 0, 2, 1], 443)
    #expect(
      try TCPSocket(message)
        == TCPSocket(
          local: TransportAddress([10, 9, 0, 2], 40000), peer: TransportAddress([192, 0, 2, 1], 443)))
  }

  @Test("both ends of an IPv6 connection are read")
  func ipv6() throws {
    let here: [UInt8] = [0xfd, 0] + Array(repeating: 0, count: 13) + [2]
    let there: [UInt8] = [0x20, 1, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [7]
    let socket = try TCPSocket(Self.message(AF_INET6, state: TCP_CLOSE_WAIT, here, 40000, there, 443))
    #expect(socket == TCPSocket(local: TransportAddress(here, 40000), peer: TransportAddress(there, 443)))
    #expect(socket.local.isIPv6)
  }

  @Test("an IPv4 connection of an IPv6 socket is one of IPv4")
  func mapped() throws {
    let prefix: [UInt8] = Array(repeating: 0, count: 10) + [0xff, 0xff]
    let socket = try TCPSocket(
      Self.message(AF_INET6, state: TCP_ESTABLISHED, prefix + [10, 9, 0, 2], 80, prefix + [10, 9, 0, 1], 40000))
    #expect(
      socket
        == TCPSocket(local: TransportAddress([10, 9, 0, 2], 80), peer: TransportAddress([10, 9, 0, 1], 40000)))
    #expect(!socket.local.isIPv6)
  }

  @Test("a listener has no peer")
  func listener() throws {
    let socket = try TCPSocket(Self.message(AF_INET, state: TCP_LISTEN, [0, 0, 0, 0], 8080, [0, 0, 0, 0], 0))
    #expect(socket == TCPSocket(local: TransportAddress([0, 0, 0, 0], 8080), peer: nil))
  }

  @Test("a message that is cut short is malformed")
  func short() {
    let whole = Self.message(AF_INET, state: TCP_ESTABLISHED, [], 1, [], 2)
    for length in 0..<72 {
      let cut = Message(type: 20, flags: 0, payload: Array(whole.payload.prefix(length)), label: "get TCP sockets")
      #expect(throws: NetlinkError.self) { try TCPSocket(cut) }
    }
  }

  /// A `struct inet_diag_msg`, byte for byte, and an attribute behind it.
  private static func message(
    _ family: CInt, state: Int, _ local: [UInt8], _ localPort: UInt16, _ peer: [UInt8], _ peerPort: UInt16
  ) -> Message {
    let padded = { (address: [UInt8]) in address + Array(repeating: 0, count: 16 - address.count) }
    let port = { (port: UInt16) in [UInt8(port >> 8), UInt8(port & 0xff)] }
    let ends = port(localPort) + port(peerPort) + padded(local) + padded(peer)
    let rest: [UInt8] = Array(repeating: 0xee, count: 12 + 20)
    return Message(
      type: 20, flags: 0, payload: [UInt8(family), UInt8(state), 0, 0] + ends + rest + [5, 0, 8, 0, 0, 0, 0, 0],
      label: "get TCP sockets")
  }
}
