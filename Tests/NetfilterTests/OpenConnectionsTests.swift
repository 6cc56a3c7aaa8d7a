import Netlink
import Redirect
import Testing
import TruthTables

@testable import Netfilter

/// Which connections are made known as direct, by the sockets of the pod.
@Suite struct OpenConnectionsTests {
  private static let redirect = Ruleset(Configuration.standard, hasIPv6: true)
  private static let transparent: Ruleset = {
    var policy = Configuration.standard
    policy.mode = .tproxy
    return Ruleset(policy, hasIPv6: true)
  }()

  private static let pod: [UInt8] = [10, 9, 0, 2]
  private static let remote: [UInt8] = [192, 0, 2, 1]
  private static let loopback: [UInt8] = [127, 0, 0, 1]

  private static func listener(_ port: UInt16) -> TCPSocket {
    TCPSocket(local: TransportAddress([0, 0, 0, 0], port), peer: nil)
  }

  private static func socket(
    _ local: [UInt8], _ localPort: UInt16, _ peer: [UInt8], _ peerPort: UInt16
  ) -> TCPSocket {
    TCPSocket(local: TransportAddress(local, localPort), peer: TransportAddress(peer, peerPort))
  }

  private static func connection(
    _ client: [UInt8], _ clientPort: UInt16, _ server: [UInt8], _ serverPort: UInt16
  ) -> TCPConnection {
    TCPConnection(from: TransportAddress(client, clientPort), to: TransportAddress(server, serverPort))
  }

  @Test("whose port has a listener was opened from outside, all others from inside")
  func direction() {
    let sockets = [
      Self.listener(8080), Self.socket(Self.pod, 8080, Self.remote, 50000),
      Self.socket(Self.pod, 40000, Self.remote, 443),
    ]
    #expect(
      OpenConnections.direct(among: sockets, under: Self.redirect) == [
        Self.connection(Self.remote, 50000, Self.pod, 8080), Self.connection(Self.pod, 40000, Self.remote, 443),
      ])
  }

  @Test("with TPROXY all were opened from inside, whose replies pass")
  func transparentDirection() {
    let sockets = [Self.listener(8080), Self.socket(Self.pod, 8080, Self.remote, 50000)]
    #expect(
      OpenConnections.direct(among: sockets, under: Self.transparent) == [
        Self.connection(Self.pod, 8080, Self.remote, 50000)
      ])
  }

  @Test("a connection of the pod to itself is one, whether its listener is there or gone", arguments: [true, false])
  func loopbackOnce(_ hasListener: Bool) {
    let ends = [
      Self.socket(Self.loopback, 40000, Self.loopback, 8080), Self.socket(Self.loopback, 8080, Self.loopback, 40000),
    ]
    for ends in [ends, ends.reversed()] {
      let direct = OpenConnections.direct(
        among: (hasListener ? [Self.listener(8080)] : []) + ends, under: Self.redirect)
      #expect(direct.count == 1)
      if hasListener { #expect(direct == [Self.connection(Self.loopback, 40000, Self.loopback, 8080)]) }
    }
  }

  @Test("neither end of a connection that was redirected is direct, and one with the same server is")
  func redirected() {
    let sockets = [
      Self.listener(15001), Self.listener(15006),
      // Outbound: the application's end, and the proxy's.
      Self.socket(Self.pod, 40000, Self.remote, 443), Self.socket(Self.loopback, 15001, Self.pod, 40000),
      // Inbound: the proxy's end.
      Self.socket(Self.pod, 15006, Self.remote, 50000),
      Self.socket(Self.pod, 40001, Self.remote, 443),
    ]
    #expect(
      OpenConnections.direct(among: sockets, under: Self.redirect) == [
        Self.connection(Self.pod, 40001, Self.remote, 443)
      ])
  }

  @Test("listeners alone are no connections")
  func listeners() {
    #expect(OpenConnections.direct(among: [Self.listener(80)], under: Self.redirect) == [])
  }
}
