import CNI
import FaultTable
import JSON

/// A kind of plugin: what it does for each verb.
protocol Role {
  func add() throws(Failure) -> JSONObject
  func delete() throws(Failure)
  func check() throws(Failure)
  /// - Parameter valid: what to leave alone; nil if nothing may be removed.
  func collect(valid: Set<Attachment>?) throws(Failure)
  func status() throws(Failure)
}

extension Set<Attachment> {
  /// Whether GC leaves an attachment alone.
  func keeps(_ attachment: Attachment) -> Bool {
    if fault == .collectsByContainer { return contains { $0.containerID == attachment.containerID } }
    return contains(attachment)
  }
}

extension Request {
  /// The role that the configuration names; a delegate gets its parent's configuration, and goes by the name it was
  /// called by.
  func role() throws(Failure) -> any Role {
    let program = CommandLine.arguments.last?.split(separator: "/").last.map(String.init)
    let isDelegate = program != nil && program == configuration.object["ipam"]?["type"]?.string
    let configured = try configuration.string("role") ?? "main"
    switch isDelegate ? "ipam" : configured {
    case "main": return Main(self)
    case "chained": return Chained(self)
    case "redirect": return Redirect(self)
    case "ipam": return IPAM(self)
    case let other:
      throw Failure(code: .invalidConfiguration, message: "configuration key \"role\": \"\(other)\" is no role")
    }
  }
}
