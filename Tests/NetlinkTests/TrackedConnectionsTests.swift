import Testing

@testable import Netlink

struct TrackedConnectionsTests {
  @Test("an IPv4 connection is added as established, both ways, for five days")
  func ipv4() {
    let message = TrackedConnections.addition(
      TCPConnection(from: TransportAddress([10, 9, 0, 2], 40000), to: TransportAddress([192, 0, 2, 1], 443)))
    // NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_NEW; NLM_F_CREATE and NLM_F_EXCL.
    #expect(message.type == 0x0100)
    #expect(message.flags == 0x0600)
    let original = Self.tuple(
      1, [8, 0, 1, 0, 10, 9, 0, 2, 8, 0, 2, 0, 192, 0, 2, 1], [0x9c, 0x40], [0x01, 0xbb])
    let reply = Self.tuple(2, [8, 0, 1, 0, 192, 0, 2, 1, 8, 0, 2, 0, 10, 9, 0, 2], [0x01, 0xbb], [0x9c, 0x40])
    #expect(message.payload == [2, 0, 0, 0] + original + reply + Self.rest)
  }

  @Test("an IPv6 connection is added likewise")
  func ipv6() {
    let client: [UInt8] = [0xfd] + Array(repeating: 0, count: 14) + [2]
    let server: [UInt8] = [0x20] + Array(repeating: 0, count: 14) + [7]
    let message = TrackedConnections.addition(
      TCPConnection(from: TransportAddress(client, 40000), to: TransportAddress(server, 443)))
    let original = Self.tuple(1, [20, 0, 3, 0] + client + [20, 0, 4, 0] + server, [0x9c, 0x40], [0x01, 0xbb])
    let reply = Self.tuple(2, [20, 0, 3, 0] + server + [20, 0, 4, 0] + client, [0x01, 0xbb], [0x9c, 0x40])
    #expect(message.payload == [10, 0, 0, 0] + original + reply + Self.rest)
  }

  private static func tuple(
    _ type: UInt8, _ addresses: [UInt8], _ source: [UInt8], _ destination: [UInt8]
  ) -> [UInt8] {
    let ip = [UInt8(addresses.count + 4), 0, 1, 0x80] + addresses
    let ports: [UInt8] =
      [28, 0, 2, 0x80, 5, 0, 1, 0, 6, 0, 0, 0, 6, 0, 2, 0] + source + [0, 0, 6, 0, 3, 0] + destination + [0, 0]
    return [UInt8(ip.count + ports.count + 4), 0, type, 0x80] + ip + ports
  }

  private static let rest: [UInt8] = [
    // CTA_STATUS: SEEN_REPLY, ASSURED, CONFIRMED.
    8, 0, 3, 0, 0, 0, 0, 0x0e,
    // CTA_TIMEOUT: 432000 seconds.
    8, 0, 7, 0, 0, 0x06, 0x97, 0x80,
    // CTA_PROTOINFO, in it CTA_PROTOINFO_TCP: state ESTABLISHED, BE_LIBERAL both ways.
    32, 0, 4, 0x80, 28, 0, 1, 0x80,
    5, 0, 1, 0, 3, 0, 0, 0,
    6, 0, 4, 0, 8, 8, 0, 0,
    6, 0, 5, 0, 8, 8, 0, 0,
  ]
}
