import Harness
import JSON
import KubernetesClient
import TestKit
import Testing

/// An API server with a DaemonSet and its node, and a client of the agent's.
final class ClusterScene: Sendable {
  static let token = "sesame-7f3c"
  static let daemonSet = ObjectPath(.daemonSets, namespace: "istio-system", name: "istio-cni-node")
  static let configMap = ObjectPath(.configMaps, namespace: "istio-system", name: "istio-cni-config")
  private static let authority = Result { try TestCertificateAuthority() }
  private static let certificate = Result { try authority.get().serverCertificate(addresses: ["127.0.0.1"]) }

  let server: FakeAPIServer
  let client: APIClient
  let log = RecordingLog()
  private let files: TemporaryFolder

  init() throws {
    let authority = try Self.authority.get()
    server = try FakeAPIServer(certificate: try Self.certificate.get(), token: Self.token)
    let files = try TemporaryFolder()
    try files.write(Self.token, to: "token")
    try files.write(authority.certificatePEM, to: "ca.crt")
    var pacing = Pacing()
    pacing.attemptLimit = .seconds(60)
    pacing.connectLimit = .seconds(60)
    pacing.firstDelay = .milliseconds(10)
    pacing.longestDelay = .milliseconds(100)
    pacing.reopeningSpread = .milliseconds(10)
    let port = server.authority.split(separator: ":").last.map { String($0) } ?? ""
    client = APIClient(
      try ClusterAccess(host: "127.0.0.1", port: port, serviceAccountFolder: files.path), version: "1.2.3",
      pacing: pacing)
    self.files = files
  }

  func putDaemonSet(_ spec: JSONObject = [:], isBeingDeleted: Bool = false) {
    var metadata: JSONObject = ["namespace": "istio-system", "name": "istio-cni-node"]
    if isBeingDeleted { metadata["deletionTimestamp"] = "2024-05-01T12:00:00Z" }
    let template = (["containers": [["name": "install-cni"]]] as JSONObject).patched(with: spec)
    server.put(object: [
      "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": .object(metadata),
      "spec": ["template": ["spec": .object(template)]],
    ])
  }

  func removeDaemonSet() {
    server.remove(kind: "DaemonSet", namespace: "istio-system", name: "istio-cni-node")
  }

  func putNode(_ labels: JSONObject = ["kubernetes.io/os": "linux"]) {
    server.put(object: [
      "apiVersion": "v1", "kind": "Node", "metadata": ["name": "node-a", "labels": .object(labels)],
    ])
  }

  func putConfigMap(_ data: JSONObject) {
    server.put(object: [
      "apiVersion": "v1", "kind": "ConfigMap",
      "metadata": ["namespace": "istio-system", "name": "istio-cni-config"], "data": .object(data),
    ])
  }

  /// How often the API server was asked for a watch.
  var watchRequestCount: Int {
    server.requests.count { $0.path.contains("watch=true") }
  }
}

/// Runs `body` while `service` runs, and ends that with it.
func running(
  _ service: @escaping @Sendable () async -> Void, _ body: () async throws -> Void
) async throws {
  let task = Task { await service() }
  defer { task.cancel() }
  try await body()
  task.cancel()
  await task.value
}
