import System

/// One way that a connection takes into or out of the self-test's pod, and the proxy's port that it is to end at.
final class SelfTestRoute: Sendable {
  let isInbound: Bool
  let destination: Endpoint
  let listener: SelfTestListener

  init(isInbound: Bool, to destination: Endpoint, listener: SelfTestListener) {
    self.isInbound = isInbound
    self.destination = destination
    self.listener = listener
  }
}

extension SelfTestRoute: CustomStringConvertible {
  var description: String { "a connection \(isInbound ? "from outside" : "of the pod") to \(destination)" }
}

/// A socket that stands for the proxy.
final class SelfTestListener: Sendable {
  let endpoint: Endpoint
  let socket: StreamSocket

  init(_ endpoint: Endpoint, in namespace: borrowing NetworkNamespace) throws(SystemError) {
    self.endpoint = endpoint
    socket = try StreamSocket.open(for: endpoint, in: namespace)
    try socket.listen(on: endpoint)
  }
}

/// What became of a connection.
enum SelfTestOutcome: Sendable, Equatable {
  /// Nobody listens where it went, so that nothing has redirected it.
  case refused
  /// It came to the proxy's port, from where the client had asked for this.
  case redirected(from: Endpoint)
  case failed(SystemError)
}

extension SelfTestOutcome: CustomStringConvertible {
  var description: String {
    switch self {
    case .refused: "was not led to the proxy's port"
    case .redirected(let destination): "was led to the proxy's port, as one to \(destination)"
    case .failed(let error): "failed: \(error)"
    }
  }
}
