package import Redirect

/// A packet to ask about.
package struct Question: Sendable, Equatable, CustomStringConvertible {
  package let packet: Packet
  /// Sent just before, from the same address and port; what became of it must not matter.
  package let before: Packet?

  package var description: String { "\(packet)" + (before.map { ", after \($0)" } ?? "") }

  /// A packet of the pod, from the address that the kernel would choose or from `source`.
  package init(
    _ transport: Transport?, by user: UInt32, _ group: UInt32, to destination: IPAddress, _ port: Port,
    from source: IPAddress? = nil, sourcePort: Port = Packet.anyPort, mark: UInt32 = 0,
    connection: ConnectionState = .new
  ) {
    packet = Packet(
      .pod(user: UserID(user), group: GroupID(group)), transport, from: source ?? Scene.source(to: destination),
      sourcePort: sourcePort, to: destination, port: port, over: Scene.interface(to: destination), mark: mark,
      connection: connection)
    before = nil
  }

  /// Two senders in the pod that use the same port, one after the other: `second` is asked about.
  package init(
    after first: (user: UInt32, group: UInt32), by second: (user: UInt32, group: UInt32), asking server: IPAddress,
    from port: Port
  ) {
    let packet = { (owner: (user: UInt32, group: UInt32)) in
      Packet(
        .pod(user: UserID(owner.user), group: GroupID(owner.group)), .udp, from: Scene.source(to: server),
        sourcePort: port, to: server, port: .dns, over: Scene.interface(to: server))
    }
    self.packet = packet(second)
    before = packet(first)
  }

  /// A packet from outside: of a gateway over `eth0`, of the machine over `eth1`.
  package init(
    _ transport: Transport?, over interface: String, to destination: IPAddress, _ port: Port,
    from sourcePort: Port = Packet.anyPort, connection: ConnectionState = .new
  ) {
    let senders = interface == "eth0" ? Scene.gateways : Scene.machine
    packet = Packet(
      .outside, transport, from: senders.first { $0.family == destination.family } ?? destination,
      sourcePort: sourcePort, to: destination, port: port, over: interface, connection: connection,
      isForPod: Scene.isOwn(destination))
    before = nil
  }
}

extension Question {
  /// Owners of sockets: an application, the proxy, each half of the proxy's identity, and members of listed groups.
  package static func owners(_ policy: Policy) -> [(user: UInt32, group: UInt32)] {
    let (user, group) = (policy.proxyUser.rawValue, policy.proxyGroup.rawValue)
    return [(1000, 1000), (user, group), (user, 1000), (0, group), (0, 0), (1000, 4000)]
  }

  /// The table for a configuration: senders × destinations × ports, and what comes from outside.
  package static func table(_ configuration: Configuration) -> [Question] {
    let policy = configuration.policy
    let ports = Scene.ports + [policy.ports.inbound]
    var questions: [Question] = []
    for (user, group) in owners(policy) {
      for destination in Scene.remotes + Scene.gateways + Scene.machine + Scene.pod + Scene.podBehind + Scene.loopbacks
      {
        questions += ports.map { Question(.tcp, by: user, group, to: destination, $0) }
        questions += Scene.datagramPorts.map { Question(.udp, by: user, group, to: destination, $0) }
        questions += Scene.otherPorts.map { Question(nil, by: user, group, to: destination, $0) }
      }
      for own in Scene.pod {
        let magic = IPAddress.magicSource(own.family)
        questions += [Port(8080), .dns].map { Question(.tcp, by: user, group, to: own, $0, from: magic) }
      }
      // Only IPv6 lets a socket take an address of `lo` to another interface. Who is answered there cannot be reached
      // back, so this is asked of those that the proxy answers.
      let elsewhere = Scene.remotes.filter { $0.family == .v6 }
      let unreachable =
        elsewhere.map { Question(.tcp, by: user, group, to: $0, Port(8080), from: .magicSource(.v6)) }
        + [Question(.tcp, by: user, group, to: IPAddress(.v6, 2), Port(8080))]
      questions += unreachable.filter { Oracle(configuration).answer($0.packet) != .passes }
    }
    // Connections that the proxy and the machine open from ports that others' connections come in on. Nobody listens
    // there, and each is used once.
    for (port, remote) in zip(UInt16(3501)..., Scene.remotes) {
      questions.append(
        Question(
          .tcp, by: policy.proxyUser.rawValue, policy.proxyGroup.rawValue, to: remote, Port(443),
          from: Scene.source(to: remote), sourcePort: Port(port)))
      questions.append(Question(.tcp, over: "eth1", to: remote, Port(443), from: Port(port)))
    }
    questions += Scene.pod.map { Question(.tcp, by: 0, 0, to: $0, .closed, connection: .invalid) }
    if policy.mode == .tproxy, policy.capturesInbound {
      // A proxy that keeps the client's address.
      for (own, client) in zip(Scene.pod, Scene.gateways) {
        questions.append(
          Question(
            .tcp, by: policy.proxyUser.rawValue, policy.proxyGroup.rawValue, to: own, Port(8080), from: client,
            mark: LocalDelivery.transparentProxy.mark))
      }
    }
    // The agent asks a server on behalf of an application, from the very port that the application used, and the other
    // way round: conntrack must not take one for the other.
    let agents = [(policy.proxyUser.rawValue, UInt32(1000)), (0, policy.proxyGroup.rawValue)]
    for (number, server) in (Scene.remotes + Scene.pod).enumerated() where policy.dns != .off {
      for (index, agent) in agents.enumerated() {
        let port = Port(UInt16(20000 + 10 * number + 2 * index))
        questions.append(Question(after: (1000, 1000), by: agent, asking: server, from: port))
        let next = Port(port.rawValue + 1)
        questions.append(Question(after: agent, by: (1000, 1000), asking: server, from: next))
      }
    }
    for server in Scene.remotes where policy.dns != .off {
      questions.append(
        Question(.udp, by: 1000, 1000, to: server, .dns, from: Scene.source(to: server), sourcePort: .dns))
    }
    for (interface, own) in [("eth0", Scene.pod), ("eth1", Scene.podBehind)] {
      for destination in own {
        questions += ports.map { Question(.tcp, over: interface, to: destination, $0) }
        questions += Scene.datagramPorts.map { Question(.udp, over: interface, to: destination, $0) }
        questions += Scene.otherPorts.map { Question(nil, over: interface, to: destination, $0) }
        questions.append(Question(.tcp, over: interface, to: destination, .closed, connection: .invalid))
      }
    }
    // What the machine and the world send through the pod.
    for (interface, destinations) in [("eth1", Scene.remotes), ("eth0", Scene.machine)] {
      for destination in destinations {
        questions += ports.map { Question(.tcp, over: interface, to: destination, $0) }
        questions += Scene.datagramPorts.map { Question(.udp, over: interface, to: destination, $0) }
      }
    }
    return questions
  }
}

extension Port {
  /// Nobody listens there.
  package static let closed = Port(9)
}
