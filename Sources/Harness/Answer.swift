package import System

/// What a service says to whoever asks it.
package struct Answer: Sendable, Equatable {
  package let service: String
  /// Where the connection arrived; of a datagram, the address that the service is bound to.
  package let local: Endpoint?
  /// The destination that the client asked for. Of a datagram nobody can tell: it is `local`.
  package let original: Endpoint?
  package let peer: Endpoint?

  /// The port that the question arrived at.
  package var port: UInt16 { local?.port ?? 0 }
}

extension Answer {
  var line: String {
    ([service] + [local, original, peer].map { $0?.line ?? "-" }).joined(separator: " ") + "\n"
  }

  init?(line: String) {
    let words = line.split(whereSeparator: \.isWhitespace).map { String($0) }
    guard words.count == 4 else { return nil }
    self.init(
      service: words[0], local: Endpoint(line: words[1]), original: Endpoint(line: words[2]),
      peer: Endpoint(line: words[3]))
  }
}

extension Endpoint {
  fileprivate var line: String { "\(address)|\(port)" }

  fileprivate init?(line: String) {
    let parts = line.split(separator: "|")
    guard parts.count == 2, let port = UInt16(parts[1]) else { return nil }
    self.init(String(parts[0]), port)
  }
}
