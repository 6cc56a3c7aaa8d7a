import System

/// What an invocation leaves for the agent, which lives longer: its log line, whatever the log level is.
package struct InvocationRecord: Sendable, Equatable {
  /// The socket in the folder that agent and plugin share.
  package static let socketName = "records.sock"

  /// Bytes of one record; most have some hundred.
  package static let sizeLimit = 1 << 16

  /// Where the agent listens, if it does.
  package let socket: String
  /// One line of JSON.
  package let line: [UInt8]

  /// - Parameter folder: empty when none is configured; there is no record then.
  init?(_ log: LogRecord, folder: String) {
    guard !folder.isEmpty else { return nil }
    socket = "\(folder)/\(Self.socketName)"
    line = log.line()
  }

  /// Sends the record, and waits for nobody: without an agent, or with one that is behind, it is lost.
  func send() {
    // What a pod's start must not depend on cannot fail it.
    try? sendDatagram(line, to: socket)
  }
}
