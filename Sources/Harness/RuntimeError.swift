package import CNI
package import JSON
package import System

/// Why a runtime could not do what it was asked.
package struct RuntimeError: Error, CustomStringConvertible {
  /// The type of the plugin that failed, or the name of the network that does not allow the verb.
  package let object: String
  package let command: Command
  /// How the plugin ended; nil when it was not run.
  package let outcome: ChildOutcome?
  /// What is wrong other than a failure that the plugin reports.
  package let reason: String?

  init(_ object: String, _ command: Command, outcome: ChildOutcome? = nil, reason: String? = nil) {
    self.object = object
    self.command = command
    self.outcome = outcome
    self.reason = reason
  }

  /// The error object that the plugin printed, if it printed one.
  package var failure: JSONObject? {
    outcome.flatMap { try? JSONValue(parsing: $0.standardOutput) }?.object
  }

  package var description: String {
    let title = "\(command) of \(object)" + (reason.map { ": \($0)" } ?? "")
    guard let outcome else { return title }
    let text = { (bytes: [UInt8]) in String(decoding: bytes, as: UTF8.self) }
    return "\(title): \(outcome.status)\(outcome.timedOut ? ", timed out" : ""): "
      + text(outcome.standardOutput) + text(outcome.standardError)
  }
}
