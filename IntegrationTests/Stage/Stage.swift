import Harness
package import Redirect
package import System
package import TruthTables

/// The scene of the truth tables with real interfaces, sockets and packets: what is asked there the kernel answers.
///
/// Each is used for one ruleset only: connections that an earlier one decided on would still be known to conntrack.
package final class Stage: Sendable {
  private let place: Crossroads
  private let configuration: Configuration
  private let services: [PodService]

  /// The pod's namespace, to put rules into.
  package var pod: NetworkNamespace { _read { yield place.pod } }

  /// Builds the scene, with everybody listening whom the configuration has.
  ///
  /// - Parameter acceptsMarks: Whether accepted connections take over the mark of their first packet
  ///   (net.ipv4.tcp_fwmark_accept), as an administrator may have set it. Those to addresses that are not the pod's
  ///   cannot work then.
  package init(_ configuration: Configuration, acceptsMarks: Bool = false) throws {
    self.configuration = configuration
    let place = try Crossroads(remotes: Scene.remotes.map(\.description))
    self.place = place
    if acceptsMarks { try place.pod.setSysctl("net/ipv4/tcp_fwmark_accept", "1") }
    let ports = configuration.policy.ports
    let (user, group) = (configuration.policy.proxyUser.rawValue, configuration.policy.proxyGroup.rawValue)
    let everywhere = Scene.ports.map(\.rawValue)
    let endpoints = { (addresses: [IPAddress], ports: [Port]) in
      addresses.flatMap { address in ports.map { Endpoint("\(address)", $0.rawValue) } }
    }
    let inPod = Scene.pod + Scene.podBehind + Scene.loopbacks
    let inWorld = Scene.gateways + Scene.remotes
    var services = [
      try PodService(
        Service.application.rawValue, ports: everywhere, datagrams: endpoints(inPod, Scene.datagramPorts),
        liteDatagrams: endpoints(inPod, Scene.otherPorts), owner: .application, in: place.pod),
      try PodService(
        Service.world.rawValue, ports: everywhere + [ports.inbound.rawValue],
        datagrams: endpoints(inWorld, Scene.datagramPorts), liteDatagrams: endpoints(inWorld, Scene.otherPorts),
        owner: .root, in: place.world),
      try PodService(
        Service.machine.rawValue, ports: everywhere + [ports.inbound.rawValue],
        datagrams: endpoints(Scene.machine, Scene.datagramPorts),
        liteDatagrams: endpoints(Scene.machine, Scene.otherPorts), owner: .root, in: place.machine),
    ]
    if configuration.proxyListens {
      let proxy = Owner(user: user, group: group)
      services += [
        try PodService(Service.outbound.rawValue, ports: [ports.outbound.rawValue], owner: proxy, in: place.pod),
        try PodService(
          Service.inbound.rawValue, ports: [ports.inbound.rawValue],
          isTransparent: configuration.policy.mode == .tproxy, owner: proxy, in: place.pod),
      ]
      // Each half of the proxy's identity must do.
      let agents = [
        ("127.0.0.1", Owner(user: user, group: 1000)), ("::1", Owner(user: 0, group: group)),
      ]
      for (address, owner) in agents {
        let endpoint = Endpoint(address, ports.dns.rawValue)
        services.append(
          try PodService(
            Service.agent.rawValue, listeners: [endpoint], datagrams: [endpoint], owner: owner, in: place.pod))
      }
    }
    self.services = services
  }

  /// Closes everything; the namespaces go with the last reference.
  package func close() {
    for service in services { service.close() }
  }

  /// Asks one question with one packet, or one connection, and tells how the answer differs from what follows from
  /// `end`; nil if it does not.
  package func discrepancy(_ question: Question, expecting end: Trace.End) throws -> String? {
    let expected = Sighting(question, end, configuration)
    // What nobody answers shows by waiting.
    let patience: Duration = expected == .silence ? .milliseconds(150) : .seconds(3)
    // Only that it was there may matter.
    if let before = question.before { _ = try see(before, end, patience) }
    let seen = try see(question.packet, end, patience)
    return seen == expected ? nil : "\(question): \(expected) expected, \(seen) seen"
  }

  private func see(_ packet: Packet, _ end: Trace.End, _ patience: Duration) throws -> Sighting {
    let destination = Endpoint("\(packet.destination)", packet.destinationPort.rawValue)
    let owner =
      if case .pod(let user, let group) = packet.origin {
        Owner(user: user.rawValue, group: group.rawValue)
      } else {
        Owner.root
      }
    if packet.connection == .invalid {
      let outcome = try atSender(of: packet) { try InvalidSegment(to: destination).fire(in: $0, timeLimit: patience) }
      return outcome == .answered ? .reset : .silence
    }
    let hasOwnPort = packet.sourcePort != Packet.anyPort
    let isForeign = packet.origin != .outside && packet.source != Scene.source(to: packet.destination)
    let probe = Probe(
      to: destination, as: owner, transport: Probe.Transport(packet.transport),
      from: isForeign || hasOwnPort ? "\(packet.source)" : nil,
      sourcePort: hasOwnPort ? packet.sourcePort.rawValue : 0, mark: packet.mark == 0 ? nil : packet.mark,
      isTransparent: packet.mark != 0)
    let outcome = atSender(of: packet) { probe.fire(in: $0, timeLimit: patience) }
    return Sighting(outcome, packet, end)
  }

  /// Runs `body` with the namespace that a packet starts in.
  private func atSender<R>(
    of packet: Packet, _ body: (borrowing NetworkNamespace) throws -> R
  ) rethrows -> R {
    switch (packet.origin, packet.interface) {
    case (.pod, _): try body(place.pod)
    case (.outside, "eth0"): try body(place.world)
    case (.outside, _): try body(place.machine)
    }
  }
}

extension Probe.Transport {
  /// For what is neither TCP nor UDP, a protocol that no rule knows.
  fileprivate init(_ transport: Transport?) {
    switch transport {
    case .tcp: self = .tcp
    case .udp: self = .udp
    case nil: self = .udpLite
    }
  }
}

/// Who listens on the stage.
enum Service: String {
  case application
  case outbound
  case inbound
  case agent
  case world
  case machine
}

/// What came back of a packet.
enum Sighting: Equatable, CustomStringConvertible {
  /// Somebody answered, who got it at this port and for this destination; of a datagram the destination is not known.
  case answer(String, port: UInt16, original: Endpoint?)
  case refused
  /// The pod's own stack reset the connection that the segment pretended to belong to.
  case reset
  case silence
  case failure(String)

  /// - Parameter end: What is expected: where a redirect keeps the original destination for the proxy to ask for, a
  ///   connection that was handed over, or that passed, arrives with it.
  init(_ outcome: Probe.Outcome, _ packet: Packet, _ end: Trace.End) {
    switch outcome {
    case .answered(let answer):
      let isRedirected = if case .redirected = end { true } else { false }
      let original = isRedirected ? answer.original : answer.local
      self = .answer(answer.service, port: answer.port, original: packet.transport == .tcp ? original : nil)
    case .refused: self = .refused
    case .timedOut: self = .silence
    case .failed(let error): self = .failure("\(error)")
    }
  }

  /// What must be seen if `end` is true.
  init(_ question: Question, _ end: Trace.End, _ configuration: Configuration) {
    let packet = question.packet
    let ports = configuration.policy.ports
    let original =
      packet.transport == .tcp ? Endpoint("\(packet.destination)", packet.destinationPort.rawValue) : nil
    let answer = { (service: Service, port: Port) in
      Sighting.answer(service.rawValue, port: port.rawValue, original: original)
    }
    switch end {
    case .passes where packet.connection == .invalid: self = .reset
    case .passes:
      let port = packet.destinationPort
      if !Scene.isOwn(packet.destination) {
        self = answer(Scene.machine.contains(packet.destination) ? .machine : .world, port)
      } else if port == ports.inbound {
        self = configuration.proxyListens ? answer(.inbound, port) : .refused
      } else {
        self = answer(.application, port)
      }
    case .redirected where !configuration.proxyListens: self = .refused
    case .redirected(ports.outbound): self = answer(.outbound, ports.outbound)
    case .redirected(ports.dns): self = answer(.agent, ports.dns)
    case .redirected(let port): self = answer(.inbound, port)
    // A listener passes over a segment that both begins and ends a connection.
    case .handedOver where packet.connection == .invalid: self = .silence
    // The connection keeps its destination, so that is where the proxy finds itself.
    case .handedOver: self = answer(.inbound, packet.destinationPort)
    case .dropped: self = .silence
    case .followsConnection: self = .failure("only first packets are asked about")
    }
  }

  var description: String {
    switch self {
    case .answer(let service, let port, let original):
      "\(service):\(port)" + (original.map { " for \($0)" } ?? "")
    case .refused: "refused"
    case .reset: "reset"
    case .silence: "silence"
    case .failure(let text): text
    }
  }
}
