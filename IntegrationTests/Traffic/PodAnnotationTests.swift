import CNI
import Harness
import JSON
import System
import Testing

/// What the runtime's annotations spare: questions about pods that are not in the mesh.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct PodAnnotationTests {
  private static func mesh() throws -> MeshNode {
    try PluginProcessTests.mesh(["capabilities": ["io.kubernetes.cri.pod-annotations": true], "deadline_seconds": 1])
  }

  /// As kubelet annotates every pod.
  private static let annotations: JSONObject = ["kubernetes.io/config.source": "api"]

  @Test("a pod outside the mesh starts without a request, and while the API server is of no use")
  func plain() throws {
    let mesh = try Self.mesh()
    mesh.apiServer.setBehaviour(.status(500))
    let pod = try mesh.start(
      PodTemplate.pod(.noSidecar, name: "plain", uid: "7f3d", annotations: Self.annotations), number: 1)
    #expect(!pod.addresses.isEmpty)
    #expect(mesh.apiServer.requestCount == 0)
  }

  @Test("an injected pod is asked about, redirected, and does not start while the API server is of no use")
  func meshed() throws {
    let mesh = try Self.mesh()
    let template = PodTemplate.pod(.classicSidecar, name: "cart", uid: "7f3c", annotations: Self.annotations)
    let pod = try mesh.start(template, number: 1)
    #expect(try pod.sandbox.network.nft("list", "ruleset").contains("table inet istio-cni"))
    #expect(mesh.apiServer.requestCount == 1)
    mesh.apiServer.setBehaviour(.status(500))
    #expect(throws: RuntimeError.self) { try mesh.start(template, number: 2) }
  }
}
