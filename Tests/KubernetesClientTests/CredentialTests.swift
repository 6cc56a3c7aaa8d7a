import Glibc
import Harness
import JSON
import Kubernetes
import KubernetesClient
import TestKit
import Testing

@Suite("The credentials of the API client", .timeLimit(.minutes(3)))
struct CredentialTests {
  @Test("are a token that kubelet may replace at any time")
  func rotation() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap())
    _ = try await scene.client.get(Objects.configMapPath)
    try scene.writeToken("fresh")
    scene.server.setToken("fresh")
    _ = try await scene.client.get(Objects.configMapPath)
    #expect(scene.server.requests.map { $0.headers["authorization"] } == ["Bearer sesame-7f3c", "Bearer fresh"])
    #expect(scene.client.lastRefusal == nil)
  }

  @Test("are read again, once, when they are refused")
  func refusedOnce() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap())
    scene.server.script([.slow(.seconds(3))])
    async let object = scene.client.get(Objects.configMapPath)
    try await eventually { scene.server.requestCount == 1 }
    // While the server thinks, the token changes.
    try scene.writeToken("fresh")
    scene.server.setToken("fresh")
    #expect(try await object["kind"] == "ConfigMap")
    #expect(scene.server.requests.map { $0.headers["authorization"] } == ["Bearer sesame-7f3c", "Bearer fresh"])
    #expect(scene.client.lastRefusal == nil)
  }

  @Test("that are refused and have not changed are not sent again, and the refusal is remembered until it is over")
  func refused() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap())
    scene.server.setToken("other")
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(error.code == .unauthorized)
    #expect(scene.server.requestCount == 1)
    #expect(
      error.details == """
        \(scene.server.authority) answered 401 Unauthorized: Unauthorized; a retry may help; the token has expired, its \
        pod is gone, or it belongs to another cluster; kubelet renews it
        """)
    let refusal = try #require(scene.client.lastRefusal)
    #expect(refusal.cause == "\(scene.server.authority) answered 401 Unauthorized: Unauthorized")
    scene.server.setToken(ClientScene.token)
    _ = try await scene.client.get(Objects.configMapPath)
    #expect(scene.client.lastRefusal == nil)
  }

  @Test("stay what they were while their file cannot be read")
  func vanishedToken() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap())
    _ = try await scene.client.get(Objects.configMapPath)
    unlink("\(scene.folder)/token")
    unlink("\(scene.folder)/ca.crt")
    _ = try await scene.client.get(Objects.configMapPath)
    try scene.writeToken("\n")
    _ = try await scene.client.get(Objects.configMapPath)
  }

  @Test("that were never there are named by their file")
  func missingToken() async throws {
    let scene = try ClientScene()
    unlink("\(scene.folder)/token")
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(error.code == .unreadableFile)
    #expect(
      error.description == """
        cannot read token file \(scene.folder)/token: stat(\(scene.folder)/token) = ENOENT (2); a retry may help; \
        kubelet writes it for the pod's ServiceAccount; check automountServiceAccountToken and the path
        """)
    try scene.writeToken(" ")
    let other = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(other.cause == "it is empty or holds characters that no token has")
  }

  @Test("need an authority that is one")
  func brokenAuthority() async throws {
    let scene = try ClientScene(trust: .authority(file: "/dev/null"))
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(error.message == "cannot read the certificate authority /dev/null")
    #expect(error.cause == "it holds no certificate in PEM")
  }

  @Test(
    "lead to a numeric address of either family",
    arguments: [
      ("10.96.0.1", "10.96.0.1:443"), ("fd00::1", "[fd00::1]:443"), ("[fd00::1]", "[fd00::1]:443"),
    ])
  func addresses(_ host: String, _ authority: String) throws {
    let access = try ClusterAccess(host: host, port: "443", serviceAccountFolder: "/sa")
    #expect(access.server.authority == authority)
    #expect(access.tokenFile == "/sa/token")
    #expect(access.trust == .authority(file: "/sa/ca.crt"))
  }

  @Test(
    "lead nowhere by a name, or to no port",
    arguments: [
      (
        "kubernetes.default.svc", "443",
        "it names the host \"kubernetes.default.svc\" where only a numeric address can stand"
      ),
      ("10.96.0.1", "x", "it has no port from 1 to 65535 behind its address"),
    ])
  func noAddress(_ host: String, _ port: String, _ cause: String) throws {
    let error = try #require(
      #expect(throws: APIError.self) { try ClusterAccess(host: host, port: port, serviceAccountFolder: "/sa") })
    #expect(error.code == .invalidAccess)
    #expect(error.cause == cause)
    #expect(error.message == "cannot use the API server's address \(host):\(port)")
  }
}
