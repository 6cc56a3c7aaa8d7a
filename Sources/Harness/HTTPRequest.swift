package import System
import SystemPackage

/// A request for `/` to a service that answers as HTTP, and by which way it is sent.
package struct HTTPRequest: Sendable {
  package let destination: Endpoint
  package let owner: Owner
  /// Where the request comes from; nil lets the kernel choose.
  package let source: Endpoint?

  package init(to destination: Endpoint, as owner: Owner, from source: Endpoint? = nil) {
    self.destination = destination
    self.owner = owner
    self.source = source
  }

  /// Sends the request from inside a namespace, and reads to the end of what comes back.
  package func send(
    in namespace: borrowing NetworkNamespace, timeLimit: Duration = .seconds(10)
  ) throws(SystemError) -> HTTPConversation {
    let deadline = ContinuousClock.now + timeLimit
    let socket = try PodSocket.open(.tcp, for: destination, as: owner, in: namespace)
    if let source { try socket.bind(to: source) }
    try socket.connect(to: destination, until: deadline)
    try socket.send(Array("GET / HTTP/1.1\r\nHost: application\r\nConnection: close\r\n\r\n".utf8))
    let text = String(decoding: try socket.receiveAll(until: deadline), as: UTF8.self)
    guard let answer = HTTPAnswer(text) else { throw SystemError("read", text, .badMessage) }
    return HTTPConversation(answer: answer, socket: socket)
  }
}

/// A request that was answered, and the connection, which the other side has closed and ours has not.
package struct HTTPConversation: ~Copyable, Sendable {
  package let answer: HTTPAnswer
  private let socket: PodSocket

  fileprivate init(answer: HTTPAnswer, socket: consuming PodSocket) {
    self.answer = answer
    self.socket = socket
  }

  /// Forgets the connection without a packet, as an attacker with a raw socket can: nobody learns that it is over.
  package consuming func vanish() throws(SystemError) {
    try socket.beSilentWhenClosed()
  }
}

/// What a service answers, with what the Envoys on the way made of it.
package struct HTTPAnswer: Sendable, Equatable {
  package let status: Int
  /// The listeners that the request passed, the last one first, each with the destination that it saw.
  package let path: [String]
  /// Who the service saw, without the port; nil when the answer is not a service's.
  package let peer: String?
  /// Where the connection arrived at the service.
  package let local: Endpoint?

  package init(status: Int = 200, path: [String], peer: String?, local: Endpoint?) {
    self.status = status
    self.path = path
    self.peer = peer
    self.local = local
  }

  fileprivate init?(_ text: String) {
    let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
    guard let first = lines.first, first.hasPrefix("HTTP/1.1 "), let status = Int(first.dropFirst(9).prefix(3)) else {
      return nil
    }
    let prefix = "\(EnvoyConfiguration.pathHeader): "
    let path = lines.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    let answer = lines.last.flatMap { Answer(line: String($0)) }
    self.init(status: status, path: path, peer: answer?.peer?.address, local: answer?.local)
  }
}
