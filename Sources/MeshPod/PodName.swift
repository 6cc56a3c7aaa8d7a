package import CNI

/// The pod that a verb is about.
package struct PodName: Sendable, Equatable {
  package let namespace: String
  package let name: String
  /// Empty when the runtime does not tell.
  package let uid: String

  package init(namespace: String, name: String, uid: String) {
    self.namespace = namespace
    self.name = name
    self.uid = uid
  }

  package init(_ arguments: PodArguments) {
    self.init(namespace: arguments.podNamespace, name: arguments.podName, uid: arguments.podUID)
  }

  package var isEmpty: Bool { namespace.isEmpty && name.isEmpty }
}

extension PodName: CustomStringConvertible {
  package var description: String { "\(namespace)/\(name)" }

  /// The name for a message that must stay short. Namespace and name may have 63 and 253 characters; the ends tell
  /// pods apart better than the middle.
  package var shortened: String {
    let text = description
    return text.count > 50 ? "\(text.prefix(25))...\(text.suffix(22))" : text
  }
}
