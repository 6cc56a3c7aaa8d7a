package import System
import SystemPackage

/// One ICMP echo request, which every machine answers by itself.
package struct Echo: Sendable {
  package let destination: String

  package init(to destination: String) {
    self.destination = destination
  }

  /// Asks from inside a namespace.
  ///
  /// - Returns: Whether an answer came in time.
  package func fire(
    in namespace: borrowing NetworkNamespace, timeLimit: Duration = .seconds(3)
  ) throws(SystemError) -> Bool {
    let deadline = ContinuousClock.now + timeLimit
    let endpoint = Endpoint(destination, 0)
    try namespace.setSysctl("net/ipv4/ping_group_range", "0 0")
    let socket = try PodSocket.open(.echo, for: endpoint, as: .root, in: namespace)
    try socket.connect(to: endpoint, until: deadline)
    do throws(SystemError) {
      // Type, code, and what the kernel fills in: checksum and identifier; then a sequence number.
      try socket.send([endpoint.isIPv6 ? 128 : 8, 0, 0, 0, 0, 0, 0, 1])
      return try socket.receive(until: deadline).first == (endpoint.isIPv6 ? 129 : 0)
    } catch let error where error.errno == .timedOut || error.errno == .notPermitted {
      // A rule that drops in the asking namespace itself refuses the call.
      return false
    }
  }
}
