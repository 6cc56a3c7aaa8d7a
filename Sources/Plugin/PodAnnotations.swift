import CNI
import JSON

extension NetworkConfiguration {
  /// The pod's annotations, where our entry declares the capability and the runtime offers it; nil otherwise.
  ///
  /// Kubelet adds annotations of its own to every pod, so an empty object is one that the runtime did not fill.
  ///
  /// - Throws: code 6 for a value that is no object of strings. To pass over it could let a pod out of the mesh.
  ///
  /// Source: containerd, `pkg/cri/annotations` and `cniNamespaceOpts`; kubelet, `pkg/kubelet/config`.
  func podAnnotations() throws(Failure) -> [String: String]? {
    let capability = "io.kubernetes.cri.pod-annotations"
    guard let value = runtimeConfig?[capability], value != .null, value != [:] else { return nil }
    var annotations: [String: String] = [:]
    for member in value.object?.members ?? [] { annotations[member.key] = member.value.string }
    guard let object = value.object, annotations.count == object.members.count else {
      throw Failure(
        code: .decoding, message: "configuration key \"runtimeConfig\": \(capability) must be an object of strings",
        details: "the container runtime writes it; take the capability out of our entry if it cannot")
    }
    return annotations
  }
}
