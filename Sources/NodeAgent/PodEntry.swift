package import JSON
import Kubernetes
import Redirect

/// What is kept of a pod.
package struct PodEntry: Sendable {
  /// `NAMESPACE/NAME`.
  let key: String
  let uid: String
  /// Of a static pod: the UID that the runtime knows it by.
  let configHash: String?
  /// What the plugin's decision needs of the pod, as JSON text of a few hundred bytes, ready to be sent. Nil for a pod
  /// that the plugin could not decide on either: it asks the API server itself, and reports what is wrong.
  package let summary: [UInt8]?

  /// - Parameter pod: as the API server has it.
  package init(_ pod: JSONValue) {
    let metadata = pod["metadata"]
    key = "\(metadata?["namespace"]?.string ?? "")/\(metadata?["name"]?.string ?? "")"
    uid = metadata?["uid"]?.string ?? ""
    configHash = metadata?["annotations"]?["kubernetes.io/config.hash"]?.string
    // The plugin is the one to say what is wrong with it.
    summary = (try? PodObject(json: pod))?.summary(variables: ProxyVariable.read).serialized()
  }

  /// Whether the question is about this pod, as far as it says.
  func answers(_ question: PodQuestion) -> Bool {
    question.uid.isEmpty || question.uid == uid || question.uid == configHash
  }
}
