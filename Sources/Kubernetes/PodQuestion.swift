package import JSON

/// What the plugin asks the node's agent, over a socket in their folder: one line of JSON.
///
/// The agent answers with a ``PodAnswer`` and closes the connection. Either side may be of another release during an
/// upgrade: an agent that does not know the protocol's number says so in an answer that every release can read, and keys
/// that are not known are ignored.
package struct PodQuestion: Sendable, Equatable {
  /// Raised when an older reader would misunderstand.
  static let protocolNumber = 1

  /// Bytes; namespace, name and UID have at most 63, 253 and some 40.
  package static let sizeLimit = 4096

  package let namespace: String
  package let name: String
  /// As the runtime tells it; empty when it does not.
  package let uid: String

  package init(namespace: String, name: String, uid: String) {
    self.namespace = namespace
    self.name = name
    self.uid = uid
  }

  /// The line, with its end.
  package var line: [UInt8] {
    JSONValue.object([
      "protocol": .number(JSONNumber(Self.protocolNumber)), "namespace": .string(namespace), "name": .string(name),
      "uid": .string(uid),
    ]).serialized() + [UInt8(ascii: "\n")]
  }

  /// Reads a line; nil for one that this release cannot answer.
  package init?(line: [UInt8]) {
    // Whatever is wrong with it, the answer is the same.
    guard let value = try? JSONValue(parsing: line), value["protocol"]?.int == Self.protocolNumber,
      let namespace = value["namespace"]?.string, let name = value["name"]?.string, let uid = value["uid"]?.string,
      ObjectName.isLabel(namespace), ObjectName.isSubdomain(name)
    else { return nil }
    self.init(namespace: namespace, name: name, uid: uid)
  }
}

/// What the agent knows of a pod, as one JSON object.
package enum PodAnswer: Sendable, Equatable {
  /// The summary of the pod, as ``PodObject/summary(variables:)`` makes it.
  case pod(JSONValue)
  /// Why there is none, as a half sentence. The plugin then asks the API server.
  case none(reason: String)

  /// Bytes: what annotations may have, and as much again for the rest.
  package static let sizeLimit = 1 << 20

  package init(parsing bytes: [UInt8]) {
    do {
      let value = try JSONValue(parsing: bytes)
      if let pod = value["pod"], pod != .null {
        self = .pod(pod)
      } else {
        self = .none(reason: value["reason"]?.string ?? "the agent gave no answer")
      }
    } catch {
      self = .none(reason: "the agent's answer is not JSON: \(error)")
    }
  }

  /// The answer that holds a summary, given as JSON text.
  package static func bytes(summary: [UInt8]) -> [UInt8] {
    Array("{\"protocol\":\(PodQuestion.protocolNumber),\"pod\":".utf8) + summary + [UInt8(ascii: "}")]
  }

  /// The answer that says why there is no pod.
  package static func bytes(reason: String) -> [UInt8] {
    JSONValue.object(["protocol": .number(JSONNumber(PodQuestion.protocolNumber)), "reason": .string(reason)])
      .serialized()
  }
}
