import Harness
import Kubernetes
import TestKit
import Testing

@Suite("Whether a fetch could begin")
struct FetchReadinessTests {
  static let now = Duration.seconds(1_800_000_000)

  static func write(
    _ folder: borrowing TemporaryFolder, token: String = "sesame", server: String = "https://127.0.0.1:1"
  ) throws -> Kubeconfig {
    let text = kubeconfigText(server: server, certificateAuthorityPEM: nil, token: token)
    return try Kubeconfig(path: folder.write(text, to: "kubeconfig"))
  }

  @Test(
    "the end of a token is read from it, where it tells",
    arguments: [
      (serviceAccountToken(expiry: now), 1_800_000_000), (serviceAccountToken(expiry: nil), nil),
      ("sesame", nil), ("a.b.c", nil), ("a..c", nil), ("a.e30.c", nil), ("a.eyJleHAiOiJ4In0.c", nil),
      ("a.eyJleHAiOjV9.c", 5), ("a.eyJleHAiOjV9.c.d", nil), ("a.eyJleHAiOjV9==.c", nil), ("eyJleHAiOjV9", nil),
    ] as [(String, Int64?)])
  func expiry(token: String, seconds: Int64?) throws {
    let folder = try TemporaryFolder()
    guard case .token(let token) = try Self.write(folder, token: token).credential else { return }
    #expect(token.expiry == seconds.map { .seconds($0) })
  }

  @Test("nothing that listens is needed", arguments: [nil, .seconds(1_800_000_001)] as [Duration?])
  func ready(expiry: Duration?) throws {
    let folder = try TemporaryFolder()
    try Self.write(folder, token: serviceAccountToken(expiry: expiry)).requireReadiness(at: Self.now)
  }

  @Test("a token whose time is over is told by its age, not shown")
  func expired() throws {
    let folder = try TemporaryFolder()
    let token = serviceAccountToken(expiry: Self.now - .seconds(60))
    let kubeconfig = try Self.write(folder, token: token)
    let error = #expect(throws: KubernetesError.self) { try kubeconfig.requireReadiness(at: Self.now) }
    #expect(error?.code == .expired)
    #expect(error?.message == "cannot use the token in \(kubeconfig.path)")
    #expect(
      error?.details
        == "it expired 60 s ago; a retry may help; the istio-cni-node pod on this node renews it; check that it runs")
  }

  @Test("a token file is read, and named when it has expired")
  func expiredFile() throws {
    let folder = try TemporaryFolder()
    try folder.write(serviceAccountToken(expiry: Self.now), to: "token")
    let text = kubeconfigText(server: "https://127.0.0.1:1", certificateAuthorityPEM: nil, token: "TOKEN")
    let kubeconfig = try Kubeconfig(
      path: folder.write(text.split(separator: "token: TOKEN").joined(separator: "tokenFile: token"), to: "kubeconfig"))
    let error = #expect(throws: KubernetesError.self) { try kubeconfig.requireReadiness(at: Self.now) }
    #expect(error?.message == "cannot use the token in \(folder.path)/token")
    try kubeconfig.requireReadiness(at: Self.now - .seconds(1))
  }

  @Test("a missing token file and a missing authority are reasons", arguments: ["token", "ca.crt"])
  func missingFile(name: String) throws {
    let folder = try TemporaryFolder()
    var text = kubeconfigText(server: "https://127.0.0.1:1", certificateAuthorityPEM: nil, token: "TOKEN")
    if name == "token" {
      text = text.split(separator: "token: TOKEN").joined(separator: "tokenFile: token")
    } else {
      text = text.split(separator: "insecure-skip-tls-verify: true").joined(separator: "certificate-authority: ca.crt")
    }
    let kubeconfig = try Kubeconfig(path: folder.write(text, to: "kubeconfig"))
    let error = #expect(throws: KubernetesError.self) { try kubeconfig.requireReadiness(at: Self.now) }
    #expect(error?.code == .unreadableFile)
  }

  @Test("an address that the kernel knows no way to is named")
  func noRoute() throws {
    let folder = try TemporaryFolder()
    // A broadcast address, which no stream can be opened to.
    let kubeconfig = try Self.write(folder, server: "https://255.255.255.255:6443")
    let error = #expect(throws: KubernetesError.self) { try kubeconfig.requireReadiness(at: Self.now) }
    #expect(error?.code == .noRoute)
    #expect(error?.message == "cannot reach the API server at 255.255.255.255:6443")
    #expect(error?.advice == "check the node's routes and the address in \(kubeconfig.path)")
  }
}
