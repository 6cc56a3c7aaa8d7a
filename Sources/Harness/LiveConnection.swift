package import System
import SystemPackage

/// A TCP connection that stays open, with both ends in our hands.
package final class LiveConnection: Sendable {
  package let destination: Endpoint
  private let client: PodSocket
  private let server: PodSocket

  /// Connects from one namespace to a port of another one, where nobody listens but for this.
  ///
  /// - Throws: `ECONNABORTED` if the connection ended elsewhere.
  package init(
    from namespace: borrowing NetworkNamespace, as owner: Owner, to destination: Endpoint,
    in other: borrowing NetworkNamespace, served by: Owner, timeLimit: Duration = .seconds(3)
  ) throws(SystemError) {
    let deadline = ContinuousClock.now + timeLimit
    let listener = try PodSocket.open(.tcp, for: destination, as: by, in: other)
    try listener.listen(on: destination)
    let client = try PodSocket.open(.tcp, for: destination, as: owner, in: namespace)
    try client.connect(to: destination, until: deadline)
    guard let server = listener.accept() else {
      throw SystemError("accept", "\(destination)", Errno.connectionAbort)
    }
    self.destination = destination
    self.client = client
    self.server = server
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
