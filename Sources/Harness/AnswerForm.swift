import System
import SystemPackage

extension Answer {
  /// How a service puts its answer to who connects.
  package enum Form: Sendable {
    /// As a line, at once.
    case line
    /// As the content of the answer to an HTTP request, for clients whose proxy speaks HTTP.
    case http
  }
}

extension PodSocket {
  /// Answers the client of an accepted connection.
  func send(_ answer: Answer, as form: Answer.Form) throws(SystemError) {
    switch form {
    case .line:
      try send(Array(answer.line.utf8))
    case .http:
      // A client that says nothing keeps the others waiting.
      try receiveRequest(until: .now + .seconds(3))
      let head = "HTTP/1.1 200 OK\r\nContent-Length: \(answer.line.utf8.count)\r\nConnection: close\r\n\r\n"
      try send(Array((head + answer.line).utf8))
    }
  }

  /// Reads to the empty line at the end of the head; requests here have no content.
  private func receiveRequest(until deadline: ContinuousClock.Instant) throws(SystemError) {
    var request: [UInt8] = []
    while !request.suffix(4).elementsEqual("\r\n\r\n".utf8) {
      let chunk = try receive(until: deadline)
      if chunk.isEmpty { throw SystemError("read", "request", .connectionReset) }
      request += chunk
    }
  }
}
