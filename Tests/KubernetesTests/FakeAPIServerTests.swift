import Harness
import JSON
import Kubernetes
import TestKit
import Testing

@Suite("The fake API server")
struct FakeAPIServerTests {
  @Test("serves on a socket that somebody else opened, while its pods come and go")
  func givenSocket() throws {
    let authority = try TestCertificateAuthority()
    let server = try FakeAPIServer(
      listening: LoopbackListener().take(), certificate: authority.serverCertificate(addresses: ["127.0.0.1"]),
      token: "sesame")
    let text = kubeconfigText(
      server: "https://\(server.authority)", certificateAuthorityPEM: authority.certificatePEM, token: "sesame")
    let kubeconfig = try Kubeconfig(Array(text.utf8), path: "kubeconfig")
    let fetch = { () throws(KubernetesError) in
      try fetchPod(
        namespace: "edge", name: "edge-cache-worker-1", from: kubeconfig, deadline: .now + .seconds(20),
        userAgent: "test")
    }

    server.put(try fixture("pods/static-mirror/pod.json"))
    #expect(try fetch().labels["tier"] == "edge")
    server.removePod(namespace: "edge", name: "edge-cache-worker-1")
    #expect(throws: KubernetesError.self) { try fetch() }
    server.setToken("other")
    let error = #expect(throws: KubernetesError.self) { try fetch() }
    #expect(error?.code == .unauthorized)
  }
}
