import JSON
import Redirect

/// A pod of the mesh that exists for the self-test alone, and only as far as the plugin asks about it.
struct SelfTestPod: Sendable {
  static let namespace = "istio-cni-self-test"
  static let name = "self-test"
  /// Always the same, so that what an agent that was killed has left is found again, and replaced.
  static let containerID = "istio-cni-self-test"

  /// Another one each time, so that nothing that was said about an earlier one counts.
  let uid: String

  init() {
    let digits = (0..<32).map { _ in String(Int.random(in: 0..<16), radix: 16) }
    uid = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { digits[$0].joined() }.joined(separator: "-")
  }

  /// As the API server would have it.
  var object: JSONValue {
    [
      "metadata": [
        "namespace": .string(Self.namespace), "name": .string(Self.name), "uid": .string(uid),
        "annotations": .object(JSONObject([(Annotation.status, "{}")])),
      ],
      "spec": [
        "containers": [
          [
            "name": "istio-proxy", "args": ["proxy", "sidecar"],
            // The agent's own sockets are to be redirected, whichever groups the configuration names.
            "env": [["name": .string(ProxyVariable.ownerGroups), "value": "*"]],
          ]
        ]
      ],
    ]
  }

  /// `CNI_ARGS`.
  var arguments: String {
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=\(Self.namespace);K8S_POD_NAME=\(Self.name);K8S_POD_UID=\(uid);"
      + "K8S_POD_INFRA_CONTAINER_ID=\(Self.containerID)"
  }

  /// Whether what the plugin tells of an invocation is about this pod. DEL knows no pod, but its container.
  static func isSubject(of record: JSONValue) -> Bool {
    record["container"]?.string == containerID || record["pod"]?.string?.hasPrefix("\(namespace)/") == true
  }
}
