import Harness
import JSON
import Kubernetes
import TestKit
import Testing

@Suite("Reading a pod from the API server")
struct FetchPodTests {
  static let token = "sesame-7f3c"
  private static let authority = Result { try TestCertificateAuthority() }

  /// A server that knows one pod, and the kubeconfig that leads to it.
  struct Scene {
    let server: FakeAPIServer
    let kubeconfig: Kubeconfig

    init(
      address: String = "127.0.0.1", certifiedFor: [String] = ["127.0.0.1", "::1"], isExpired: Bool = false,
      trusting other: TestCertificateAuthority? = nil, extra: String? = nil, path: String = "/nonexistent/kubeconfig"
    ) throws {
      let authority = try FetchPodTests.authority.get()
      let certificate = try authority.serverCertificate(addresses: certifiedFor, isExpired: isExpired)
      server = try FakeAPIServer(onLoopback: address, certificate: certificate, token: token)
      server.put(try fixture("pods/classic-sidecar/pod.json"))
      var text = kubeconfigText(
        server: "https://\(server.authority)", certificateAuthorityPEM: (other ?? authority).certificatePEM,
        token: token)
      if let extra { text = text.split(separator: "    server:").joined(separator: "    \(extra)\n    server:") }
      kubeconfig = try Kubeconfig(Array(text.utf8), path: path)
    }

    func fetch(
      _ name: String = "cart-7d9f6c5b84-k2xqn", within limit: Duration = .seconds(20)
    ) throws(KubernetesError) -> PodObject {
      try fetchPod(
        namespace: "shop", name: name, from: kubeconfig, deadline: .now + limit, userAgent: "istio-cni/test")
    }

    /// The error of a fetch that fails, which must not hold the token.
    func failure(
      _ name: String = "cart-7d9f6c5b84-k2xqn", within limit: Duration = .seconds(20),
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> KubernetesError {
      let error = try #require(
        #expect(throws: KubernetesError.self, sourceLocation: sourceLocation) { try fetch(name, within: limit) })
      #expect(!error.description.contains(token), sourceLocation: sourceLocation)
      #expect(error.message.count < 100, sourceLocation: sourceLocation)
      return error
    }
  }

  // MARK: Success

  @Test("takes one request that says who asks", arguments: ["127.0.0.1", "::1"])
  func oneRequest(_ address: String) throws {
    let scene = try Scene(address: address)
    #expect(try scene.fetch().labels["app"] == "cart")
    let request = try #require(scene.server.requests.first)
    #expect(scene.server.requestCount == 1)
    #expect(request.method == "GET")
    #expect(request.path == "/api/v1/namespaces/shop/pods/cart-7d9f6c5b84-k2xqn")
    #expect(request.userAgent == "istio-cni/test")
    #expect(request.headers["accept"] == "application/json")
    #expect(request.headers["connection"] == "close")
    #expect(request.headers["host"] == scene.server.authority)
  }

  @Test("accepts any certificate only when the kubeconfig says so")
  func insecure() throws {
    let scene = try Scene(certifiedFor: ["192.0.2.1"], isExpired: true)
    let text = kubeconfigText(
      server: "https://\(scene.server.authority)", certificateAuthorityPEM: nil, token: Self.token)
    let pod = try fetchPod(
      namespace: "shop", name: "cart-7d9f6c5b84-k2xqn", from: Kubeconfig(Array(text.utf8), path: "kubeconfig"),
      deadline: .now + .seconds(20), userAgent: "test")
    #expect(pod.name == "cart-7d9f6c5b84-k2xqn")
  }

  @Test("checks the certificate for tls-server-name when there is one")
  func serverName() throws {
    let scene = try Scene(certifiedFor: ["192.0.2.1"], extra: "tls-server-name: kubernetes.default.svc")
    #expect(try scene.fetch().name == "cart-7d9f6c5b84-k2xqn")
  }

  @Test("puts the kubeconfig's path prefix in front")
  func pathPrefix() throws {
    let scene = try Scene()
    let text = kubeconfigText(
      server: "https://\(scene.server.authority)/k8s/clusters/c-1/", certificateAuthorityPEM: nil, token: Self.token)
    _ = try? fetchPod(
      namespace: "shop", name: "cart", from: Kubeconfig(Array(text.utf8), path: "kubeconfig"),
      deadline: .now + .seconds(20), userAgent: "test")
    #expect(scene.server.requests.first?.path == "/k8s/clusters/c-1/api/v1/namespaces/shop/pods/cart")
  }

  // MARK: What passes by itself

  @Test(
    "outlasts what passes by itself",
    arguments: [
      [FakeAPIServer.Behaviour.reset, .reset],
      [.truncated],
      [.status(500), .status(503), .status(504)],
      [.status(429, retryAfter: 0)],
      [.slow(.milliseconds(50))],
    ])
  func outlasts(_ script: [FakeAPIServer.Behaviour]) throws {
    let scene = try Scene()
    scene.server.script(script)
    #expect(try scene.fetch().name == "cart-7d9f6c5b84-k2xqn")
    let isAnswer = script == [.slow(.milliseconds(50))]
    #expect(scene.server.requestCount == script.count + (isAnswer ? 0 : 1))
  }

  @Test("waits as long as Retry-After says")
  func retryAfter() throws {
    let scene = try Scene()
    scene.server.script([.status(429, retryAfter: 1)])
    let start = ContinuousClock.now
    _ = try scene.fetch()
    #expect(ContinuousClock.now - start >= .seconds(1))
    #expect(scene.server.requestCount == 2)
  }

  @Test("gives up at once when Retry-After is beyond the deadline")
  func retryAfterTooLong() throws {
    let scene = try Scene()
    scene.server.setBehaviour(.status(429, retryAfter: 60))
    let error = try scene.failure()
    #expect(scene.server.requestCount == 1)
    #expect(
      error.details == """
        \(scene.server.authority) answered 429 Too Many Requests: the server has received too many requests and has \
        asked us to try again later; a retry may help; the API server is overloaded or starting
        """)
  }

  @Test("repeats a hopeless request ever more slowly")
  func backoff() throws {
    let scene = try Scene()
    scene.server.setBehaviour(.status(503))
    let error = try scene.failure(within: .milliseconds(900))
    // Waits of 50, 100, 200 and 400 ms, a quarter shorter or longer.
    #expect((2...6).contains(scene.server.requestCount))
    #expect(error.code == .unavailable)
    #expect(error.cause.hasSuffix("(\(scene.server.requestCount) attempts)"))
  }

  @Test("names a refused connection")
  func refused() throws {
    let scene = try Scene()
    try scene.server.stop()
    let error = try scene.failure(within: .milliseconds(300))
    #expect(error.code == .unreachable && error.retryHelps)
    #expect(error.cause.hasPrefix("connection failed: ECONNREFUSED (111) (\(scene.server.authority))"), "\(error)")
  }

  @Test("names a cut connection", arguments: [FakeAPIServer.Behaviour.reset, .truncated])
  func cut(_ behaviour: FakeAPIServer.Behaviour) throws {
    let scene = try Scene()
    scene.server.setBehaviour(behaviour)
    let error = try scene.failure(within: .milliseconds(300))
    #expect(error.code == .unreachable && error.retryHelps, "\(error)")
    #expect(error.cause.contains("connection cut") || error.cause.contains("ECONNRESET"), "\(error)")
  }

  // MARK: The deadline

  @Test("ends at the deadline")
  func deadline() throws {
    let scene = try Scene()
    scene.server.setBehaviour(.slow(.seconds(30)))
    let start = ContinuousClock.now
    let error = try scene.failure(within: .milliseconds(500))
    #expect(ContinuousClock.now - start < .seconds(5))
    #expect(
      error.details == """
        GET timed out after 0.5 s (\(scene.server.authority)); a retry may help; check that the node reaches the API \
        server's address
        """)
    #expect(error.code == .timedOut)
  }

  @Test("ends at the deadline when a listener accepts and says nothing")
  func silence() throws {
    let listener = try LoopbackListener()
    let port = listener.port
    let text = kubeconfigText(server: "https://127.0.0.1:\(port)", certificateAuthorityPEM: nil, token: Self.token)
    let error = #expect(throws: KubernetesError.self) {
      try fetchPod(
        namespace: "shop", name: "cart", from: Kubeconfig(Array(text.utf8), path: "kubeconfig"),
        deadline: .now + .seconds(1), userAgent: "test")
    }
    #expect(error?.cause == "GET timed out after 1 s (127.0.0.1:\(port))")
  }

  @Test("asks nothing once the deadline is over")
  func past() throws {
    let scene = try Scene()
    let error = try scene.failure(within: .zero)
    #expect(error.code == .timedOut)
    #expect(scene.server.requestCount == 0)
  }

  // MARK: What somebody must repair

  @Test("asks for a missing pod four times within a second")
  func notFound() throws {
    let scene = try Scene()
    let start = ContinuousClock.now
    let error = try scene.failure("gone-0")
    #expect(ContinuousClock.now - start < .seconds(2))
    #expect(scene.server.requestCount == 4)
    #expect(error.code == .notFound && error.retryHelps)
    #expect(
      error.cause == "\(scene.server.authority) answered 404 Not Found: pods \"gone-0\" not found (4 attempts)")
  }

  @Test("finds a pod that appears a moment later")
  func late() throws {
    let scene = try Scene()
    scene.server.script([.status(404), .status(404)])
    #expect(try scene.fetch().name == "cart-7d9f6c5b84-k2xqn")
    #expect(scene.server.requestCount == 3)
  }

  @Test("takes 403 for an answer, and names what RBAC lacks")
  func forbidden() throws {
    let scene = try Scene()
    scene.server.setBehaviour(.status(403))
    let error = try scene.failure()
    #expect(scene.server.requestCount == 1)
    #expect(
      error.details == """
        \(scene.server.authority) answered 403 Forbidden: pods "cart-7d9f6c5b84-k2xqn" is forbidden: User \
        "system:serviceaccount:istio-system:istio-cni" cannot get resource "pods" in API group "" in the namespace \
        "shop"; a retry does not help; RBAC must allow the verb get on pods to the plugin's ServiceAccount
        """)
  }

  @Test("does not follow a redirect")
  func redirect() throws {
    let scene = try Scene()
    scene.server.setBehaviour(.redirect(to: "https://192.0.2.1/\(Self.token)"))
    let error = try scene.failure()
    #expect(scene.server.requestCount == 1)
    #expect(error.code == .unexpectedAnswer)
    #expect(error.cause.contains("answered 307 Temporary Redirect"))
    #expect(error.cause.hasSuffix("redirects are not followed"))
  }

  @Test("names a web page for what it is")
  func webPage() throws {
    let scene = try Scene()
    scene.server.setBehaviour(.html200)
    let error = try scene.failure()
    #expect(scene.server.requestCount == 1)
    #expect(
      error.details == """
        \(scene.server.authority) answered 200 with text/html; charset=utf-8 instead of JSON; a retry does not help; \
        something else than an API server listens there; check the server in the kubeconfig
        """)
  }

  @Test("refuses a pod with a field of the wrong type")
  func wrongType() throws {
    let scene = try Scene()
    scene.server.put(["metadata": ["namespace": "shop", "name": "odd", "uid": "u"], "spec": ["containers": "none"]])
    let error = try scene.failure("odd")
    #expect(error.code == .invalidObject)
    #expect(scene.server.requestCount == 1)
  }

  @Test("refuses an answer beyond the limit")
  func tooLong() throws {
    let scene = try Scene()
    let filler = JSONValue.string(String(repeating: "x", count: 9 << 20))
    scene.server.put(["metadata": ["namespace": "shop", "name": "huge"], "spec": filler])
    let error = try scene.failure("huge")
    #expect(error.cause == "\(scene.server.authority) answered with more than 8388608 bytes")
    #expect(scene.server.requestCount == 1)
  }

  @Test(
    "puts no name into a path that no object can have",
    arguments: [
      ("shop", ""), ("", "cart"), ("shop", "../secrets"), ("shop", "a/b"), ("shop", "Cart"), ("sh.op", "cart"),
      ("shop", "-a"), ("shop", "a-"), ("shop", "a..b"), ("shop", "a?b"), ("shop", "ä"),
      (String(repeating: "a", count: 64), "cart"), ("shop", String(repeating: "a", count: 254)),
    ])
  func names(_ namespace: String, _ name: String) throws {
    let text = kubeconfigText(server: "https://127.0.0.1:1", certificateAuthorityPEM: nil, token: Self.token)
    let error = #expect(throws: KubernetesError.self) {
      try fetchPod(
        namespace: namespace, name: name, from: Kubeconfig(Array(text.utf8), path: "kubeconfig"),
        deadline: .now + .seconds(5), userAgent: "test")
    }
    #expect(error?.code == .invalidName)
    #expect(error?.cause == "no namespace or no pod can have this name")
  }

  // MARK: Certificates

  @Test("does not trust another authority's certificate")
  func untrusted() throws {
    let scene = try Scene(trusting: TestCertificateAuthority())
    let error = try scene.failure()
    #expect(error.code == .untrusted)
    #expect(
      error.details == """
        the certificate of \(scene.server.authority) has expired or is not signed by the kubeconfig's certificate \
        authority; a retry does not help; check certificate-authority-data, and the clocks of both machines
        """)
    #expect(scene.server.requestCount == 0)
  }

  @Test("does not trust an expired certificate")
  func expired() throws {
    let error = try Scene(isExpired: true).failure()
    #expect(error.code == .untrusted)
    #expect(error.cause.contains("has expired"))
  }

  @Test("does not trust a certificate for another address", arguments: ["127.0.0.1", "::1"])
  func otherAddress(_ address: String) throws {
    let scene = try Scene(address: address, certifiedFor: ["192.0.2.1", "2001:db8::1"])
    let error = try scene.failure()
    #expect(
      error.details == """
        the certificate of \(scene.server.authority) is for other names and addresses; a retry does not help; use an \
        address that the certificate names, or set tls-server-name in the kubeconfig
        """)
    #expect(scene.server.requestCount == 0)
  }

  @Test("trusts no certificate that has neither the address nor tls-server-name")
  func otherName() throws {
    let error = try Scene(certifiedFor: ["192.0.2.1"], extra: "tls-server-name: api.example").failure()
    #expect(error.code == .untrusted)
    #expect(error.cause.hasSuffix("is for other names and addresses"))
  }

  @Test("names an authority that is not PEM")
  func notPEM() throws {
    let text = kubeconfigText(server: "https://127.0.0.1:1", certificateAuthorityPEM: "no", token: Self.token)
    let error = #expect(throws: KubernetesError.self) {
      try fetchPod(
        namespace: "shop", name: "cart", from: Kubeconfig(Array(text.utf8), path: "kubeconfig"),
        deadline: .now + .seconds(5), userAgent: "test")
    }
    #expect(error?.cause == "the certificate authority is not PEM")
  }
}
