import CNI
import System

/// What an invocation leaves for the agent, which lives longer: its log line, whatever the log level is.
package struct InvocationRecord: Sendable, Equatable {
  /// Where the agent listens, if it does.
  package let socket: String
  /// One line of JSON.
  package let line: [UInt8]

  /// Sends the record, and waits for nobody: without an agent, or with one that is behind, it is lost.
  func send() {
    // What a pod's start must not depend on cannot fail it.
    try? sendDatagram(line, to: socket)
  }
}
