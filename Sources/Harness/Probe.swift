package import System
import SystemPackage

/// One question to whoever receives it, and who answered: a connection, or a datagram.
package struct Probe: Sendable {
  package enum Transport: Sendable, Hashable, CaseIterable {
    case tcp
    case udp
    /// UDP-Lite: like UDP to its sockets, and another protocol to the kernel's rules.
    case udpLite

    var socketKind: PodSocket.Kind {
      switch self {
      case .tcp: .tcp
      case .udp: .udp
      case .udpLite: .udpLite
      }
    }
  }

  package enum Outcome: Sendable, Equatable {
    case answered(Answer)
    case refused
    case timedOut
    case failed(SystemError)
  }

  package let destination: Endpoint
  package let owner: Owner
  package let transport: Transport
  /// Where the question comes from, port 0 for any; nil lets the kernel choose.
  package let source: Endpoint?
  /// The mark of its packets.
  package let mark: UInt32?
  /// Whether the source may be an address that is not the namespace's.
  package let isTransparent: Bool

  /// - Parameters:
  ///   - source: The address to ask from; nil lets the kernel choose.
  ///   - sourcePort: Only looked at with a source.
  ///   - mark: As a proxy marks its packets (`SO_MARK`).
  ///   - isTransparent: As a proxy that asks in its client's name (`IP_TRANSPARENT`).
  package init(
    to destination: Endpoint, as owner: Owner, transport: Transport = .tcp, from source: String? = nil,
    sourcePort: UInt16 = 0, mark: UInt32? = nil, isTransparent: Bool = false
  ) {
    self.destination = destination
    self.owner = owner
    self.transport = transport
    self.source = source.map { Endpoint($0, sourcePort) }
    self.mark = mark
    self.isTransparent = isTransparent
  }

  /// Asks from inside a namespace.
  ///
  /// An answered connection is first closed by the service and then reset from here: neither side keeps it in
  /// TIME_WAIT, connection tracking forgets it after 10 seconds, and any number of probes can follow each other.
  ///
  /// A rule that drops a datagram in the asking namespace itself shows as `.failed` with `EPERM`, not as `.timedOut`.
  package func fire(in namespace: borrowing NetworkNamespace, timeLimit: Duration = .seconds(3)) -> Outcome {
    let deadline = ContinuousClock.now + timeLimit
    do throws(SystemError) {
      let socket = try PodSocket.open(transport.socketKind, for: destination, as: owner, in: namespace)
      let line = try ask(socket, until: deadline)
      guard let answer = Answer(line: String(decoding: line, as: UTF8.self)) else {
        return .failed(SystemError("read", "\(destination)", .badMessage))
      }
      return .answered(answer)
    } catch let error where error.errno == .connectionRefused {
      return .refused
    } catch let error where error.errno == .timedOut {
      return .timedOut
    } catch {
      return .failed(error)
    }
  }

  private func ask(
    _ socket: borrowing PodSocket, until deadline: ContinuousClock.Instant
  ) throws(SystemError) -> [UInt8] {
    if let mark { try socket.setMark(mark) }
    if isTransparent { try socket.setTransparent() }
    if let source {
      if source.port != 0, transport != .tcp { try socket.shareAddress() }
      try socket.bind(to: source)
    }
    switch transport {
    case .udp, .udpLite:
      try socket.connect(to: destination, until: deadline)
      try socket.send(Array("?\n".utf8))
      return try socket.receive(until: deadline)
    case .tcp:
      try socket.resetWhenClosed()
      try socket.connect(to: destination, until: deadline)
      return try socket.receiveAll(until: deadline)
    }
  }
}
