import Harness
import JSON
import Kubernetes
import TestKit
import Testing

@Suite("Credentials")
struct CredentialTests {
  private static let authority = Result { try TestCertificateAuthority() }

  /// A server, and a folder with the kubeconfig that leads to it.
  private struct Scene: ~Copyable {
    let folder: TemporaryFolder
    let server: FakeAPIServer

    init(token: String) throws {
      let certificate = try CredentialTests.authority.get().serverCertificate(addresses: ["127.0.0.1"])
      let server = try FakeAPIServer(certificate: certificate, token: token)
      server.put(try fixture("pods/classic-sidecar/pod.json"))
      folder = try TemporaryFolder()
      self.server = server
    }

    func write(user: String, authorityFile: String? = nil) throws -> Kubeconfig {
      var text = kubeconfigText(
        server: "https://\(server.authority)",
        certificateAuthorityPEM: try CredentialTests.authority.get().certificatePEM, token: "TOKEN")
      text = text.split(separator: "token: TOKEN").joined(separator: user)
      if let authorityFile {
        text = text.split(separator: "\n").map {
          $0.hasPrefix("    certificate-authority-data") ? "    certificate-authority: \(authorityFile)" : String($0)
        }.joined(separator: "\n")
      }
      return try Kubeconfig(path: folder.write(text, to: "kubeconfig"))
    }

    func fetch(_ kubeconfig: Kubeconfig) throws(KubernetesError) -> PodObject {
      try fetchPod(
        namespace: "shop", name: "cart-7d9f6c5b84-k2xqn", from: kubeconfig, deadline: .now + .seconds(20),
        userAgent: "test")
    }
  }

  @Test("from files are read, without the white space around them")
  func files() throws {
    let scene = try Scene(token: "sesame")
    try scene.folder.write("  sesame\n\n", to: "token")
    try scene.folder.write(Self.authority.get().certificatePEM, to: "ca.crt")
    let kubeconfig = try scene.write(user: "tokenFile: token", authorityFile: "ca.crt")
    #expect(try scene.fetch(kubeconfig).name == "cart-7d9f6c5b84-k2xqn")
    #expect(scene.server.requests.first?.headers["authorization"] == "Bearer sesame")
  }

  @Test("that are refused are read again from the kubeconfig, which the agent may just have rewritten")
  func rewrittenKubeconfig() throws {
    let scene = try Scene(token: "new")
    let old = try scene.write(user: "token: old")
    _ = try scene.write(user: "token: new")
    #expect(try scene.fetch(old).name == "cart-7d9f6c5b84-k2xqn")
    #expect(scene.server.requestCount == 2)
  }

  @Test("that are refused twice are given up")
  func refusedTwice() throws {
    let scene = try Scene(token: "right")
    let first = try scene.write(user: "token: wrong-1")
    _ = try scene.write(user: "token: wrong-2")
    let error = #expect(throws: KubernetesError.self) { try scene.fetch(first) }
    #expect(scene.server.requestCount == 2)
    #expect(error?.code == .unauthorized)
    #expect(error?.description.contains("wrong") == false)
  }

  @Test("that are refused and have not changed are not sent again")
  func unchanged() throws {
    let scene = try Scene(token: "sesame")
    let kubeconfig = try scene.write(user: "token: sesame")
    scene.server.setBehaviour(.unauthorizedUntilTokenIs("other"))
    let error = #expect(throws: KubernetesError.self) { try scene.fetch(kubeconfig) }
    #expect(scene.server.requestCount == 1)
    #expect(
      error?.details == """
        \(scene.server.authority) answered 401 Unauthorized: Unauthorized; a retry does not help; the token has \
        expired or belongs to another cluster; check that the istio-cni-node pod runs
        """)
  }

  @Test("from a token file are read afresh for each attempt")
  func freshToken() throws {
    let scene = try Scene(token: "new")
    try scene.folder.write("new", to: "token")
    scene.server.script([.status(503)])
    let kubeconfig = try scene.write(user: "tokenFile: token")
    #expect(try scene.fetch(kubeconfig).name == "cart-7d9f6c5b84-k2xqn")
    #expect(scene.server.requests.map { $0.headers["authorization"] } == ["Bearer new", "Bearer new"])
  }

  @Test("whose token file is missing are named by it")
  func missingToken() throws {
    let scene = try Scene(token: "sesame")
    let kubeconfig = try scene.write(user: "tokenFile: /nonexistent/token")
    let error = #expect(throws: KubernetesError.self) { try scene.fetch(kubeconfig) }
    #expect(error?.message == "cannot read token file /nonexistent/token")
    #expect(
      error?.details
        == "open(/nonexistent/token) = ENOENT (2); a retry may help; check that the file exists on the node")
  }

  @Test("whose token file is empty are refused")
  func emptyToken() throws {
    let scene = try Scene(token: "sesame")
    try scene.folder.write("\n", to: "token")
    let kubeconfig = try scene.write(user: "tokenFile: token")
    let error = #expect(throws: KubernetesError.self) { try scene.fetch(kubeconfig) }
    #expect(error?.cause == "it is empty or holds characters that no token has")
  }

  @Test("whose authority file is missing are named by it")
  func missingAuthority() throws {
    let scene = try Scene(token: "sesame")
    let kubeconfig = try scene.write(user: "token: sesame", authorityFile: "/nonexistent/ca.crt")
    let error = #expect(throws: KubernetesError.self) { try scene.fetch(kubeconfig) }
    #expect(error?.cause == "certificate-authority: open(/nonexistent/ca.crt) = ENOENT (2)")
  }
}
