package import JSON

/// Pods as an injector leaves them, with the parts that a CNI plugin looks at. The fixtures hold complete ones.
package enum PodTemplate {
  package enum Kind: String, Sendable, CaseIterable {
    case classicSidecar = "classic-sidecar"
    /// The proxy is an init container that keeps running.
    case nativeSidecar = "native-sidecar"
    case noSidecar = "no-sidecar"
    case gateway = "gateway"

    /// Whether the plugin redirects such a pod.
    package var isMeshed: Bool { self == .classicSidecar || self == .nativeSidecar }
  }

  package static func pod(
    _ kind: Kind, name: String, namespace: String = "shop", uid: String, annotations: JSONObject = [:]
  ) -> JSONValue {
    var allAnnotations: JSONObject = kind == .noSidecar ? [:] : ["sidecar.istio.io/status": #"{"revision":"default"}"#]
    for member in annotations.members { allAnnotations[member.key] = member.value }
    let application: JSONValue = ["name": "app", "image": "registry.example/app:1"]
    let validation: JSONValue = ["name": "istio-validation", "image": "registry.example/proxyv2:1"]
    var spec: JSONObject
    switch kind {
    case .classicSidecar: spec = ["initContainers": [validation], "containers": [application, proxy("sidecar")]]
    case .nativeSidecar:
      spec = ["initContainers": [validation, proxy("sidecar", restartPolicy: "Always")], "containers": [application]]
    case .noSidecar: spec = ["containers": [application]]
    case .gateway: spec = ["containers": [proxy("router")]]
    }
    spec["restartPolicy"] = "Always"
    return [
      "kind": "Pod", "apiVersion": "v1",
      "metadata": [
        "name": .string(name), "namespace": .string(namespace), "uid": .string(uid),
        "annotations": .object(allAnnotations),
      ],
      "spec": .object(spec),
    ]
  }

  private static func proxy(_ role: String, restartPolicy: String? = nil) -> JSONValue {
    var container: JSONObject = [
      "name": "istio-proxy", "image": "registry.example/proxyv2:1", "args": ["proxy", .string(role)],
      "securityContext": ["runAsUser": 1337, "runAsGroup": 1337, "runAsNonRoot": true],
    ]
    container["restartPolicy"] = restartPolicy.map { .string($0) }
    return .object(container)
  }
}
