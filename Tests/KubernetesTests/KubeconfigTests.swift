import Harness
import Kubernetes
import Testing

@Suite("A kubeconfig")
struct KubeconfigTests {
  /// What the installer writes, with parts to exchange.
  private static func text(
    server: String = "https://10.96.0.1:443", cluster: String = "certificate-authority-data: Y2VydA==",
    user: String = "token: not-a-secret"
  ) -> String {
    """
    apiVersion: v1
    kind: Config
    clusters:
    - name: local
      cluster:
        server: '\(server)'
        \(cluster)
    users:
    - name: istio-cni
      user:
        \(user)
    contexts:
    - name: istio-cni-context
      context:
        cluster: local
        user: istio-cni
    current-context: istio-cni-context
    """
  }

  private static func read(_ text: String) throws(KubernetesError) -> Kubeconfig {
    try Kubeconfig(Array(text.utf8), path: "/run/istio-cni/kubeconfig")
  }

  @Test("as the installer writes it is read")
  func installed() throws {
    let written = kubeconfigText(server: "https://10.96.0.1:443", certificateAuthorityPEM: "cert", token: "t0ken")
    let kubeconfig = try Self.read(written)
    #expect(kubeconfig.server.authority == "10.96.0.1:443")
    #expect(kubeconfig.trust == .authority(Array("cert".utf8)))
    #expect(kubeconfig.tlsServerName == nil)
  }

  @Test("in JSON means the same as in YAML")
  func json() throws {
    let json = """
       {"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "local", "cluster":
          {"server": "https://10.96.0.1:443", "tls-server-name": "k8s.test",
           "certificate-authority-data": "Y2VydA=="}}],
        "users": [{"name": "u", "user": {"token": "not-a-secret"}}],
        "contexts": [{"name": "c", "context": {"cluster": "local", "user": "u"}}]}
      """
    let yaml = Self.text(cluster: "certificate-authority-data: Y2VydA==\n    tls-server-name: k8s.test")
    #expect(try Self.read(json) == Self.read(yaml))
  }

  @Test(
    "names the server by a numeric address",
    arguments: [
      ("https://10.96.0.1:443", "10.96.0.1:443"),
      ("https://10.96.0.1", "10.96.0.1:443"),
      ("https://10.96.0.1:6443/", "10.96.0.1:6443"),
      ("https://10.96.0.1:6443/clusters/a1", "10.96.0.1:6443"),
      ("https://[fd00::1]:443", "[fd00::1]:443"),
      ("https://[fd00::1]", "[fd00::1]:443"),
    ])
  func servers(_ server: String, _ authority: String) throws {
    #expect(try Self.read(Self.text(server: server)).server.authority == authority)
  }

  @Test(
    "with an unusable server is refused",
    arguments: [
      ("http://10.96.0.1:80", "does not begin with https://"),
      ("10.96.0.1:443", "does not begin with https://"),
      ("https://kubernetes.default.svc:443", "names the host \"kubernetes.default.svc\" where only a numeric address"),
      ("https://localhost", "names the host \"localhost\""),
      ("https://127.1", "names the host \"127.1\""),
      ("https://010.96.0.1", "names the host \"010.96.0.1\""),
      ("https://", "names the host \"\""),
      ("https://u@10.96.0.1", "names the host \"u@10.96.0.1\""),
      ("https://[fd00::1%eth0]", "names the host \"fd00::1%eth0\""),
      ("https://[10.96.0.1]:443", "has no IPv6 address between its brackets"),
      ("https://10.96.0.1:", "has no port from 1 to 65535"),
      ("https://10.96.0.1:0", "has no port from 1 to 65535"),
      ("https://10.96.0.1:65536", "has no port from 1 to 65535"),
      ("https://10.96.0.1:+443", "has no port from 1 to 65535"),
      ("https://fd00::1:443", "has no port from 1 to 65535"),
      ("https://[fd00::1]443", "has no port from 1 to 65535"),
      ("https://10.96.0.1/a?b", "has a path with other characters"),
    ])
  func badServers(_ server: String, _ problem: String) {
    let error = #expect(throws: KubernetesError.self) { try Self.read(Self.text(server: server)) }
    #expect(error?.cause.hasPrefix("clusters[local].server \(problem)") == true, "\(error?.cause ?? "")")
  }

  @Test("a host name is refused with the reason why it cannot be resolved")
  func hostName() {
    let error = #expect(throws: KubernetesError.self) { try Self.read(Self.text(server: "https://api.example:443")) }
    #expect(error?.message == "cannot read kubeconfig /run/istio-cni/kubeconfig")
    #expect(
      error?.details == """
        clusters[local].server names the host "api.example" where only a numeric address can stand; a retry does not \
        help; a static binary does not resolve names; the installer writes the address that the name stands for
        """)
  }

  @Test(
    "trusts what the cluster says",
    arguments: [
      ("certificate-authority-data: Y2VydA==", Kubeconfig.Trust.authority(Array("cert".utf8))),
      ("certificate-authority-data: Y2VydHM=", .authority(Array("certs".utf8))),
      ("certificate-authority-data: Y2VydHMh", .authority(Array("certs!".utf8))),
      ("certificate-authority: /etc/ca.crt", .authorityFile("/etc/ca.crt")),
      ("certificate-authority: ca.crt", .authorityFile("/run/istio-cni/ca.crt")),
      ("insecure-skip-tls-verify: true", .anything),
    ])
  func trust(_ cluster: String, _ trust: Kubeconfig.Trust) throws {
    #expect(try Self.read(Self.text(cluster: cluster)).trust == trust)
  }

  @Test(
    "with a wrong cluster is refused",
    arguments: [
      ("insecure-skip-tls-verify: false", "clusters[local] has no certificate-authority-data"),
      ("insecure-skip-tls-verify: 1", "clusters[local].insecure-skip-tls-verify is neither true nor false"),
      ("certificate-authority-data: Y2VydA", "clusters[local].certificate-authority-data is not base64"),
      ("certificate-authority-data: Y2VydB==", "clusters[local].certificate-authority-data is not base64"),
      ("certificate-authority-data: Y2Vyd===", "clusters[local].certificate-authority-data is not base64"),
      ("certificate-authority-data: Y2V%", "clusters[local].certificate-authority-data is not base64"),
      ("certificate-authority-data: ''", "clusters[local].certificate-authority-data is not base64"),
      ("certificate-authority-data: {}", "clusters[local].certificate-authority-data is not a text"),
      (
        "certificate-authority-data: Y2VydA==\n    insecure-skip-tls-verify: true",
        "clusters[local] has both a certificate authority and insecure-skip-tls-verify"
      ),
      (
        "certificate-authority: ca.crt\n    insecure-skip-tls-verify: true",
        "clusters[local] has both a certificate authority and insecure-skip-tls-verify"
      ),
      (
        "certificate-authority: ca.crt\n    tls-server-name: 10.0.0.1",
        "clusters[local].tls-server-name is not a DNS name"
      ),
      (
        "certificate-authority: ca.crt\n    tls-server-name: a b",
        "clusters[local].tls-server-name is not a DNS name"
      ),
      ("proxy-url: http://10.0.0.1", "clusters[local].proxy-url is not supported"),
    ])
  func badClusters(_ cluster: String, _ cause: String) {
    let error = #expect(throws: KubernetesError.self) { try Self.read(Self.text(cluster: cluster)) }
    #expect(error?.cause == cause)
    #expect(error?.code == .invalidKubeconfig)
  }

  @Test("finds its token file beside itself, and prefers it to a token")
  func tokenFile() throws {
    let credential = try Self.read(Self.text(user: "tokenFile: token\n    token: old")).credential
    #expect(credential == .tokenFile("/run/istio-cni/token"))
  }

  @Test(
    "with a wrong user is refused",
    arguments: [
      ("other: x", "users[istio-cni] has neither token nor tokenFile"),
      ("token: ''", "users[istio-cni].token is empty or holds characters that no token has"),
      ("token: sesame open", "users[istio-cni].token is empty or holds characters that no token has"),
      ("token: sesamé", "users[istio-cni].token is empty or holds characters that no token has"),
      ("client-certificate: a.crt", "users[istio-cni].client-certificate is not supported"),
      ("client-certificate-data: YQ==", "users[istio-cni].client-certificate-data is not supported"),
      ("client-key: a.key", "users[istio-cni].client-key is not supported"),
      ("exec:\n      command: aws", "users[istio-cni].exec is not supported"),
      ("auth-provider: {}", "users[istio-cni].auth-provider is not supported"),
      ("username: admin", "users[istio-cni].username is not supported"),
      ("as: admin", "users[istio-cni].as is not supported"),
    ])
  func badUsers(_ user: String, _ cause: String) {
    let error = #expect(throws: KubernetesError.self) { try Self.read(Self.text(user: user)) }
    #expect(error?.cause == cause)
    #expect(error?.description.contains("sesam") == false)
  }

  @Test(
    "with a loose end is refused",
    arguments: [
      ("", "", "the kubeconfig is not a mapping"),
      ("current-context: istio-cni-context", "current-context: ''", "current-context is missing"),
      ("current-context: istio-cni-context", "current-context: []", "current-context is not a text"),
      ("current-context: istio-cni-context", "current-context: other", "contexts[other] does not exist"),
      ("cluster: local", "cluster: far", "clusters[far] does not exist"),
      ("    user: istio-cni\n", "    user: nobody\n", "users[nobody] does not exist"),
      ("    user: istio-cni\n", "", "contexts[istio-cni-context].user is missing"),
      ("clusters:\n- name: local", "clusters:\n- name: local\n- name: local", "clusters[local] exists 2 times"),
      ("  user:\n    token: not-a-secret", "  user: x", "users[istio-cni] is not a mapping"),
      ("users:\n- name: istio-cni\n  user:\n    token: not-a-secret", "users: none", "users is not a list"),
      ("    server: 'https://10.96.0.1:443'\n", "", "clusters[local].server is missing"),
      ("kind: Config", "kind: &c Config", "line 2: an anchor (&) is not supported"),
    ])
  func looseEnds(_ part: String, _ replacement: String, _ cause: String) {
    let parts = Self.text().split(separator: part, maxSplits: 1, omittingEmptySubsequences: false)
    let text = part.isEmpty ? "" : parts.joined(separator: replacement)
    let error = #expect(throws: KubernetesError.self) { try Self.read(text) }
    #expect(error?.cause == cause)
  }

  @Test("in broken JSON is refused by line and column, without its text")
  func brokenJSON() {
    let error = #expect(throws: KubernetesError.self) { try Self.read(#"{"token": "sesame" ]"#) }
    #expect(error?.cause.hasPrefix("line 1 column 20: ") == true, "\(error?.cause ?? "")")
    #expect(error?.description.contains("sesame") == false)
  }

  @Test("that does not exist is worth a retry")
  func missing() {
    let error = #expect(throws: KubernetesError.self) { try Kubeconfig(path: "/nonexistent/kubeconfig") }
    #expect(error?.message == "cannot read kubeconfig /nonexistent/kubeconfig")
    #expect(
      error?.details == """
        open(/nonexistent/kubeconfig) = ENOENT (2); a retry may help; the istio-cni-node pod on this node writes it; \
        check that it runs
        """)
    #expect(error?.code == .unreadableFile)
  }

  @Test("does not show its token when it is printed or dumped")
  func redaction() throws {
    let kubeconfig = try Self.read(Self.text(user: "token: sesame"))
    var dumped = ""
    dump(kubeconfig, to: &dumped)
    #expect(!"\(kubeconfig)\(String(reflecting: kubeconfig))\(dumped)".contains("sesame"))
  }
}
