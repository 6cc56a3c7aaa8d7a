package import JSON
import Kubernetes
import Redirect

/// What is kept of a pod.
package struct PodEntry: Sendable {
  /// `NAMESPACE/NAME`.
  package let key: String
  package let uid: String
  /// Of a static pod: the UID that the runtime knows it by.
  let configHash: String?
  /// The `resourceVersion` of this state of it.
  package let version: String
  /// The pod's own addresses; empty until its sandbox is there, and for good on the node's network.
  package let addresses: [String]
  /// Whether nothing of it will run any more, or it was told to end.
  package let isEnding: Bool
  /// What its init containers failed with; nil for nearly all pods.
  package let initFailures: InitFailures?
  /// What the plugin's decision needs of the pod, as JSON text of a few hundred bytes, ready to be sent. Nil for a pod
  /// that the plugin could not decide on either: it asks the API server itself, and reports what is wrong.
  package let summary: [UInt8]?

  /// - Parameter pod: as the API server has it.
  package init(_ pod: JSONValue) {
    let metadata = pod["metadata"]
    key = "\(metadata?["namespace"]?.string ?? "")/\(metadata?["name"]?.string ?? "")"
    uid = metadata?["uid"]?.string ?? ""
    configHash = metadata?["annotations"]?["kubernetes.io/config.hash"]?.string
    version = metadata?["resourceVersion"]?.string ?? ""
    let status = pod["status"]
    addresses = pod["spec"]?["hostNetwork"]?.bool == true ? [] : Self.addresses(status)
    isEnding =
      ["Succeeded", "Failed"].contains(status?["phase"]?.string) || metadata?["deletionTimestamp"]?.string != nil
    initFailures = InitFailures(pod)
    // The plugin is the one to say what is wrong with it.
    summary = (try? PodObject(json: pod))?.summary(variables: ProxyVariable.read).serialized()
  }

  /// All of them are in `podIPs`; servers that do not fill it have one in `podIP`.
  private static func addresses(_ status: JSONValue?) -> [String] {
    let all = status?["podIPs"]?.array?.compactMap { $0["ip"]?.string } ?? []
    return all.isEmpty ? [status?["podIP"]?.string].compactMap { $0 } : all
  }

  /// Whether the question is about this pod, as far as it says.
  func answers(_ question: PodQuestion) -> Bool {
    question.uid.isEmpty || question.uid == uid || question.uid == configHash
  }
}
