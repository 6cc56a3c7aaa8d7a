import CLinux
import Harness
import Netfilter
import Netlink
import Redirect
import System
import SystemPackage
import Testing
import TruthTables

/// Connections that are open when rules come and go.
@Suite(.requires(.namespaces), .requires(.iptables), .tags(.root), .timeLimit(.minutes(10)))
struct OpenConnectionsTests {
  typealias Writer = AgreementTests.Writer

  private static let remotes = ["192.0.2.7", "2001:db8::7"]

  private static func ruleset(_ mode: Policy.Mode) -> Ruleset {
    var policy = Configuration.standard
    policy.mode = mode
    return Ruleset(policy, hasIPv6: true)
  }

  /// An open connection, by where it goes.
  private struct Open {
    let name: String
    let connection: LiveConnection

    /// Those that are dead, and where.
    static func dead(_ connections: [Open], after event: String) -> [String] {
      connections.filter { !$0.connection.carriesData() }.map { "\($0.name), after \(event)" }
    }
  }

  /// To the pod's outside and from there, and within the pod. Where nothing listens any more nobody can tell who opened
  /// a connection.
  private static func connections(_ pair: PodPair) throws -> (across: [Open], within: [Open]) {
    var across: [Open] = []
    var within: [Open] = []
    for (pod, remote, loopback) in zip3(PodPair.podAddresses, remotes, ["127.0.0.1", "::1"]) {
      across.append(
        Open(
          name: "outbound to \(remote)",
          connection: try LiveConnection(
            from: pair.pod, as: .application, to: Endpoint(remote, 7000), in: pair.world, served: .root)))
      for (port, keepsListening) in [(7001, true), (7002, false)] as [(UInt16, Bool)] {
        across.append(
          Open(
            name: "inbound to \(pod), listening: \(keepsListening)",
            connection: try LiveConnection(
              from: pair.world, as: .root, to: Endpoint(pod, port), in: pair.pod, served: .application,
              keepsListening: keepsListening)))
        for address in [pod, loopback] {
          within.append(
            Open(
              name: "from the pod to \(address), listening: \(keepsListening)",
              connection: try LiveConnection(
                from: pair.pod, as: .application, to: Endpoint(address, port + 2), in: pair.pod,
                served: .application, keepsListening: keepsListening)))
        }
      }
    }
    across.append(
      Open(
        name: "outbound to IPv4 from an IPv6 socket",
        connection: try LiveConnection(
          from: pair.pod, as: .application, to: Endpoint("::ffff:\(remotes[0])", 7005), in: pair.world, served: .root,
          at: Endpoint(remotes[0], 7005))))
    return (across, within)
  }

  /// A proxy that answers what is redirected, and the applications that it stands before.
  private static func services(_ mode: Policy.Mode, _ pair: PodPair) throws -> [PodService] {
    [
      try PodService("application", ports: [80], owner: .application, in: pair.pod),
      try PodService("outbound", ports: [15001], owner: .proxy, in: pair.pod),
      try PodService("inbound", ports: [15006], isTransparent: mode == .tproxy, owner: .proxy, in: pair.pod),
      try PodService("world", ports: [80], owner: .root, in: pair.world),
    ]
  }

  private static func receiver(_ outcome: Probe.Outcome) -> String {
    if case .answered(let answer) = outcome { answer.service } else { "\(outcome)" }
  }

  @Test(
    "what is open stays open, whatever comes, and what is new is redirected", arguments: Writer.allCases,
    Policy.Mode.allCases)
  func stayOpen(_ writer: Writer, _ mode: Policy.Mode) async throws {
    try await onOwnThread {
      let pair = try PodPair(remotes: Self.remotes)
      let open = try Self.connections(pair)
      let all = open.across + open.within
      let services = try Self.services(mode, pair)
      defer { for service in services { service.close() } }
      for event in ["ADD", "another ADD"] {
        try PodRedirect.apply(Self.ruleset(mode), in: pair.pod, with: writer.backend)
        #expect(Open.dead(all, after: event) == [])
        for remote in Self.remotes {
          let outcome = Probe(to: Endpoint(remote, 80), as: .application).fire(in: pair.pod)
          #expect(Self.receiver(outcome) == "outbound")
        }
        for pod in PodPair.podAddresses {
          let outcome = Probe(to: Endpoint(pod, 80), as: .root).fire(in: pair.world)
          #expect(Self.receiver(outcome) == "inbound")
        }
      }
      try PodRedirect.remove(from: pair.pod, with: writer.backend)
      #expect(Open.dead(all, after: "DEL") == [])
    }
  }

  @Test("rules alone cut what crosses the pod's border", arguments: Writer.allCases)
  func rulesAlone(_ writer: Writer) async throws {
    try await onOwnThread {
      let pair = try PodPair(remotes: Self.remotes)
      let open = try Self.connections(pair)
      try writer.backend.apply(Self.ruleset(.redirect), in: pair.pod)
      #expect(open.across.filter { $0.connection.carriesData() }.map(\.name) == [])
      #expect(Open.dead(open.within, after: "the rules") == [])
    }
  }

  /// Of the proxy, from both sides of it.
  private static func redirected(_ pair: PodPair) throws -> [Open] {
    try zip3(PodPair.podAddresses, remotes, ["127.0.0.1", "::1"]).flatMap { pod, remote, loopback in
      [
        Open(
          name: "redirected to \(remote)",
          connection: try LiveConnection(
            from: pair.pod, as: .application, to: Endpoint(remote, 80), in: pair.pod, served: .proxy,
            at: Endpoint(loopback, 15001), keepsListening: true)),
        Open(
          name: "redirected to \(pod)",
          connection: try LiveConnection(
            from: pair.world, as: .root, to: Endpoint(pod, 80), in: pair.pod, served: .proxy,
            at: Endpoint(pod, 15006), keepsListening: true)),
      ]
    }
  }

  @Test(
    "what is redirected stays redirected when rules are applied again, also when the kernel has forgotten it",
    arguments: Writer.allCases)
  func stayRedirected(_ writer: Writer) async throws {
    try await onOwnThread {
      let pair = try PodPair(remotes: Self.remotes)
      try PodRedirect.apply(Self.ruleset(.redirect), in: pair.pod, with: writer.backend)
      let redirected = try Self.redirected(pair)
      #expect(Open.dead(redirected, after: "ADD") == [])
      try PodRedirect.apply(Self.ruleset(.redirect), in: pair.pod, with: writer.backend)
      #expect(Open.dead(redirected, after: "another ADD") == [])
      try pair.pod.forgetConnections()
      try PodRedirect.apply(Self.ruleset(.redirect), in: pair.pod, with: writer.backend)
      #expect(Open.dead(redirected, after: "the kernel forgot them") == [])
    }
  }

  @Test(
    "a new connection between the same ends as one that was open goes to the proxy", arguments: Writer.allCases,
    Policy.Mode.allCases)
  func sameEnds(_ writer: Writer, _ mode: Policy.Mode) async throws {
    try await onOwnThread {
      for (pod, gateway) in zip(PodPair.podAddresses, PodPair.gateways) {
        let pair = try PodPair()
        let services = try Self.services(mode, pair)
        defer { for service in services { service.close() } }
        let client = Endpoint(gateway, 40000)
        let server = Endpoint(pod, 7001)
        var open: LiveConnection? = try LiveConnection(
          from: pair.world, as: .root, source: client, to: server, in: pair.pod, served: .application,
          keepsListening: true)
        try PodRedirect.apply(Self.ruleset(mode), in: pair.pod, with: writer.backend)
        #expect(open?.carriesData() == true)
        // With the connection its listener is gone: past the proxy there is nobody.
        open = nil
        let probe = Probe(to: server, as: .root, from: client.address, sourcePort: client.port)
        var outcome = probe.fire(in: pair.world)
        // A child that another test is starting has all of our sockets open until it runs its program.
        let taken = Probe.Outcome.failed(SystemError("bind", "\(client)", .addressInUse))
        _ = eventually(false) {
          if outcome == taken { outcome = probe.fire(in: pair.world) }
          return outcome == taken
        }
        #expect(Self.receiver(outcome) == "inbound")
      }
    }
  }
}

private func zip3<A, B, C>(_ first: [A], _ second: [B], _ third: [C]) -> [(A, B, C)] {
  zip(zip(first, second), third).map { ($0.0, $0.1, $1) }
}

extension NetworkNamespace {
  /// Makes connection tracking lose all that it knows.
  fileprivate func forgetConnections() throws {
    let socket = try NetlinkSocket.open(.netfilter, in: self)
    try socket.send([
      Message(
        type: UInt16(NFNL_SUBSYS_CTNETLINK) << 8 | UInt16(IPCTNL_MSG_CT_DELETE.rawValue), flags: 0,
        payload: [UInt8(AF_UNSPEC), UInt8(NFNETLINK_V0), 0, 0], label: "forget all connections")
    ])
  }
}
