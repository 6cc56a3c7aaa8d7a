/// A packet as rules see it, for questions to the tracer.
package struct Packet: Sendable, Equatable {
  /// Where a packet starts.
  package enum Origin: Sendable, Equatable {
    /// A socket of the pod sends it, with this owner. Over `lo` it also arrives.
    case pod(user: UserID, group: GroupID)
    /// It arrives at an interface of the pod from elsewhere.
    case outside
  }

  package var origin: Origin
  /// Nil for any protocol but TCP and UDP.
  package var transport: Transport?
  package var source: IPAddress
  package var sourcePort: Port
  package var destination: IPAddress
  package var destinationPort: Port
  /// Where it leaves, if it starts in the pod, or where it arrives. What goes to an address of the pod goes over `lo`.
  package var interface: String
  package var mark: UInt32
  package var connection: ConnectionState
  package var connectionMark: UInt32
  /// Whether the destination is an address of the pod. What is not is forwarded, unless it is marked.
  package var isForPod: Bool
  /// Whether it goes against the direction of its connection's first packet.
  package var isReply: Bool

  /// Stands for a port that the kernel chose.
  package static let anyPort = Port(40000)

  package init(
    _ origin: Origin, _ transport: Transport?, from source: IPAddress, sourcePort: Port = anyPort,
    to destination: IPAddress, port destinationPort: Port, over interface: String, mark: UInt32 = 0,
    connection: ConnectionState = .new, connectionMark: UInt32 = 0, isForPod: Bool = true,
    isReply: Bool = false
  ) {
    self.origin = origin
    self.transport = transport
    self.source = source
    self.sourcePort = sourcePort
    self.destination = destination
    self.destinationPort = destinationPort
    self.interface = interface
    self.mark = mark
    self.connection = connection
    self.connectionMark = connectionMark
    self.isForPod = isForPod
    self.isReply = isReply
  }
}

extension Packet: CustomStringConvertible {
  /// `tcp 10.9.0.2:40000 -> 192.0.2.7:80 over eth0 by 1000:1000`
  package var description: String {
    let sender = if case .pod(let user, let group) = origin { "by \(user):\(group)" } else { "from outside" }
    let ends = "\(source.withPort(sourcePort)) -> \(destination.withPort(destinationPort))"
    let notes = [
      mark == 0 ? nil : "mark \(mark)", connection == .new ? nil : connection.rawValue,
      connectionMark == 0 ? nil : "connection mark \(connectionMark)", isReply ? "reply" : nil,
    ].compactMap { $0 }
    return (["\(transport?.rawValue ?? "other") \(ends) over \(interface) \(sender)"] + notes).joined(separator: ", ")
  }
}

extension IPAddress {
  /// The usual spelling of an endpoint: `10.0.0.1:80`, `[fd00::1]:80`.
  package func withPort(_ port: Port) -> String {
    family == .v6 ? "[\(self)]:\(port)" : "\(self):\(port)"
  }
}
