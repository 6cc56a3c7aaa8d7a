package import System
import SystemPackage

/// A TCP connection that stays open, with both ends in our hands. In the end it is reset, so that another one can have
/// its addresses and ports at once.
package final class LiveConnection: Sendable {
  package let destination: Endpoint
  private let client: PodSocket
  private let server: PodSocket
  private let listener: PodSocket?

  /// Connects from one namespace to a port of another one, where nobody listens but for this.
  ///
  /// - Parameters:
  ///   - source: Where the connection comes from; nil lets the kernel choose.
  ///   - arrival: Where the server listens, if that is not the destination.
  ///   - keepsListening: Whether there is a listener as long as the connection; it accepts no other one.
  /// - Throws: `ECONNABORTED` if the connection ended elsewhere.
  package init(
    from namespace: borrowing NetworkNamespace, as owner: Owner, source: Endpoint? = nil, to destination: Endpoint,
    in other: borrowing NetworkNamespace, served by: Owner, at arrival: Endpoint? = nil, keepsListening: Bool = false,
    timeLimit: Duration = .seconds(3)
  ) throws(SystemError) {
    let deadline = ContinuousClock.now + timeLimit
    let arrival = arrival ?? destination
    let listener = try PodSocket.open(.tcp, for: arrival, as: by, in: other)
    try listener.listen(on: arrival)
    let client = try PodSocket.open(.tcp, for: destination, as: owner, in: namespace)
    try client.resetWhenClosed()
    if let source { try client.bind(to: source) }
    try client.connect(to: destination, until: deadline)
    guard let server = listener.accept() else {
      throw SystemError("accept", "\(arrival)", Errno.connectionAbort)
    }
    self.destination = destination
    self.client = client
    self.server = server
    self.listener = keepsListening ? consume listener : nil
  }

  /// Whether bytes that either end sends arrive at the other one.
  package func carriesData(timeLimit: Duration = .seconds(3)) -> Bool {
    let deadline = ContinuousClock.now + timeLimit
    do throws(SystemError) {
      try client.send([1])
      guard try server.receive(until: deadline) == [1] else { return false }
      try server.send([2])
      return try client.receive(until: deadline) == [2]
    } catch {
      return false
    }
  }
}
