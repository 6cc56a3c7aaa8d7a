import Harness
import JSON
import KubernetesClient
import TestKit
import Testing

@Suite("The API client", .timeLimit(.minutes(3)))
struct APIClientTests {
  @Test("reads an object with one request that says who asks", arguments: ["127.0.0.1", "::1"])
  func get(_ address: String) async throws {
    let scene = try ClientScene(address: address)
    scene.server.put(object: Objects.configMap())
    let object = try await scene.client.get(Objects.configMapPath)
    #expect(object["data"]?["LOG_LEVEL"] == "info")
    let request = try #require(scene.server.requests.first)
    #expect(request.path == "/api/v1/namespaces/istio-system/configmaps/istio-cni-config")
    #expect(request.userAgent == "istio-cni-node/1.2.3")
    #expect(request.headers["authorization"] == "Bearer \(ClientScene.token)")
    #expect(request.headers["accept"] == "application/json")
    #expect(request.headers["host"] == scene.server.authority)
    #expect(scene.server.requestCount == 1)
  }

  @Test("keeps its connection from call to call")
  func keptConnection() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap())
    for _ in 1...5 { _ = try await scene.client.get(Objects.configMapPath) }
    _ = try await scene.failure { () throws(APIError) in
      try await scene.client.get(ObjectPath(.nodes, name: "node-a"))
    }
    #expect(scene.server.requestCount == 6)
    #expect(scene.server.connectionCount == 1)
  }

  @Test("lets no name lead to another path")
  func names() async throws {
    let scene = try ClientScene()
    _ = try await scene.failure { () throws(APIError) in
      try await scene.client.get(ObjectPath(.pods, namespace: "a/b", name: "../x?y#z"))
    }
    #expect(scene.server.requests.first?.path == "/api/v1/namespaces/a%2Fb/pods/..%2Fx%3Fy%23z")
  }

  // MARK: Changes

  @Test("creates an object, once")
  func create() async throws {
    let scene = try ClientScene()
    let created = try await scene.client.create(
      Objects.configMap(), as: .configMaps, inNamespace: "istio-system")
    #expect(created["metadata"]?["uid"] != nil)
    #expect(
      scene.server.object(kind: "ConfigMap", namespace: "istio-system", name: "istio-cni-config")?["data"]?["LOG_LEVEL"]
        == "info")
    let error = try await scene.failure { () throws(APIError) in
      try await scene.client.create(Objects.configMap(), as: .configMaps, inNamespace: "istio-system")
    }
    #expect(error.code == .alreadyExists)
    #expect(
      error.description == """
        cannot create configmap istio-system/istio-cni-config: \(scene.server.authority) answered 409 Conflict: \
        configmaps "istio-cni-config" already exists; a retry does not help; read the object again and decide anew
        """)
  }

  @Test("changes the members that a merge patch names, and takes away those that it makes null")
  func patch() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap(["LOG_LEVEL": "info", "OLD": "x"]))
    let patched = try await scene.client.patch(
      Objects.configMapPath, with: ["data": ["LOG_LEVEL": "debug", "OLD": nil]])
    #expect(patched["data"] == ["LOG_LEVEL": "debug"])
  }

  @Test("changes only the version that the patch names")
  func patchOfOtherVersion() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap())
    let error = try await scene.failure { () throws(APIError) in
      try await scene.client.patch(
        Objects.configMapPath, with: ["metadata": ["resourceVersion": "1"], "data": ["LOG_LEVEL": "debug"]])
    }
    #expect(error.code == .conflict)
    #expect(error.message == "cannot patch configmap istio-system/istio-cni-config")
  }

  @Test("changes labels by way of the status, where nothing of the specification can be changed")
  func patchOfStatus() async throws {
    let scene = try ClientScene()
    scene.server.put(Objects.pod("cart", on: "node-a"))
    let path = ObjectPath(.pods, namespace: "shop", name: "cart", subresource: "status")
    let patched = try await scene.client.patch(
      path, with: ["metadata": ["labels": ["broken": "true"]], "spec": ["nodeName": "b"], "status": ["phase": "X"]])
    #expect(scene.server.requests.last?.path == "/api/v1/namespaces/shop/pods/cart/status")
    #expect(patched["metadata"]?["labels"] == ["broken": "true"])
    #expect(patched["spec"]?["nodeName"] == "node-a")
    #expect(patched["status"]?["phase"] == "X")
    let error = try await scene.failure { () throws(APIError) in
      try await scene.client.patch(
        ObjectPath(.pods, namespace: "shop", name: "cart", subresource: "stature"), with: ["metadata": [:]])
    }
    #expect(error.object == "pod shop/cart")
  }

  @Test("deletes the very object that is meant")
  func delete() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap())
    let uid = try await scene.client.get(Objects.configMapPath)["metadata"]?["uid"]?.string
    let error = try await scene.failure { () throws(APIError) in
      try await scene.client.delete(Objects.configMapPath, uid: "another")
    }
    #expect(error.code == .conflict)
    #expect(scene.server.objects(kind: "ConfigMap").count == 1)
    try await scene.client.delete(Objects.configMapPath, uid: uid)
    #expect(scene.server.objects(kind: "ConfigMap").isEmpty)
  }

  // MARK: What passes by itself

  @Test(
    "asks again when the answer is no answer",
    arguments: [
      [.status(503), .status(500)], [.status(429)], [.reset], [.truncated], [.reset, .truncated, .status(502)],
    ]
      as [[FakeAPIServer.Behaviour]])
  func retries(_ script: [FakeAPIServer.Behaviour]) async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap())
    scene.server.script(script)
    _ = try await scene.client.get(Objects.configMapPath)
    #expect(scene.server.requestCount == script.count + 1)
  }

  @Test("leaves an overloaded server alone for as long as that asks for")
  func retryAfter() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap())
    scene.server.script([.status(429, retryAfter: 1)])
    let start = ContinuousClock.now
    _ = try await scene.client.get(Objects.configMapPath)
    #expect(ContinuousClock.now - start >= .seconds(1))
  }

  @Test("does not wait for longer than its caller can")
  func noTimeToWait() async throws {
    let scene = try ClientScene()
    scene.server.setBehaviour(.status(503, retryAfter: 60))
    let error = try await scene.failure { () throws(APIError) in
      try await scene.client.get(Objects.configMapPath, within: .seconds(50))
    }
    #expect(error.code == .unavailable)
    #expect(error.retryAfter == .seconds(60))
    #expect(
      error.description == """
        cannot read configmap istio-system/istio-cni-config from the API server: \(scene.server.authority) answered 503 \
        Service Unavailable: the server is currently unable to handle the request; a retry may help; the API server is \
        overloaded or starting
        """)
  }

  @Test("gives a server that does not answer another chance, over another connection")
  func slowOnce() async throws {
    let scene = try ClientScene { $0.attemptLimit = .seconds(1) }
    scene.server.put(object: Objects.configMap())
    scene.server.script([.slow(.seconds(300))])
    _ = try await scene.client.get(Objects.configMapPath)
    #expect(scene.server.requestCount >= 2)
    #expect(scene.server.connectionCount >= 2)
  }

  @Test("gives up at its deadline")
  func deadline() async throws {
    let scene = try ClientScene()
    scene.server.setBehaviour(.slow(.seconds(300)))
    let error = try await scene.failure { () throws(APIError) in
      try await scene.client.get(Objects.configMapPath, within: .milliseconds(300))
    }
    #expect(error.code == .timedOut)
    #expect(
      error.details == """
        no answer from \(scene.server.authority) within 0.3 s; a retry may help; check that the node reaches the API \
        server's address
        """)
  }

  @Test("says after how many attempts it gave up")
  func attemptCount() async throws {
    let scene = try ClientScene()
    scene.server.setBehaviour(.status(403))
    scene.server.script([.status(503), .reset])
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(error.code == .forbidden)
    #expect(error.cause.hasSuffix(" (3 attempts)"))
  }

  @Test("says that nobody is where the API server should be")
  func unreachable() async throws {
    let scene = try ClientScene()
    try scene.server.stop()
    let error = try await scene.failure { () throws(APIError) in
      try await scene.client.get(Objects.configMapPath, within: .seconds(1))
    }
    #expect(error.code == .unreachable)
    #expect(error.cause.hasPrefix("connection failed: ECONNREFUSED (111) (\(scene.server.authority))"))
    #expect(error.advice == "check that the node reaches the API server's address")
  }

  @Test("stops when its task is cancelled")
  func cancelled() async throws {
    let scene = try ClientScene()
    scene.server.setBehaviour(.slow(.seconds(300)))
    let call = Task {
      try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    }
    try await eventually { scene.server.requestCount == 1 }
    call.cancel()
    let error = try await call.value
    #expect(error.code == .cancelled)
    #expect(error.details == "the agent is stopping; a retry may help; nothing is to be done")
  }

  // MARK: What does not

  @Test("does not follow redirects")
  func redirect() async throws {
    let scene = try ClientScene()
    scene.server.setBehaviour(.redirect(to: "https://\(scene.server.authority)/elsewhere"))
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(scene.server.requestCount == 1)
    #expect(error.code == .unexpectedAnswer)
    #expect(error.cause.contains("answered 307 Temporary Redirect"))
    #expect(error.cause.hasSuffix("; redirects are not followed"))
  }

  @Test("takes no web page for an object")
  func page() async throws {
    let scene = try ClientScene()
    scene.server.setBehaviour(.html200)
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(scene.server.requestCount == 1)
    #expect(error.code == .unexpectedAnswer)
    #expect(
      error.details == """
        \(scene.server.authority) answered 200 with text/html; charset=utf-8 instead of JSON; a retry may help; something \
        else than an API server seems to answer; check KUBERNETES_SERVICE_HOST and what is between
        """)
  }

  @Test("believes that an object is missing only when the API server itself says so of that object")
  func missing() async throws {
    let scene = try ClientScene()
    let real = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(real.code == .notFound)
    #expect(
      real.details == """
        \(scene.server.authority) answered 404 Not Found: configmaps "istio-cni-config" not found; a retry does not \
        help; check its name and namespace
        """)
    scene.server.setBehaviour(.html(status: 404))
    let other = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(other.code == .unexpectedAnswer)
  }

  @Test("says which right is missing")
  func forbidden() async throws {
    let scene = try ClientScene()
    scene.server.setBehaviour(.status(403))
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(error.code == .forbidden)
    #expect(!error.retryHelps)
    #expect(error.advice == "RBAC must allow the verb get on it to the agent's ServiceAccount")
  }

  @Test("reports what the API server finds wrong with a request", arguments: [400, 422])
  func invalid(_ status: Int) async throws {
    let scene = try ClientScene()
    scene.server.setBehaviour(.status(status))
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(error.code == .invalid)
    #expect(scene.server.requestCount == 1)
  }

  @Test("reads no object that is larger than one can be")
  func tooLarge() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap(["LARGE": .string(String(repeating: "x", count: 9 << 20))]))
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(error.code == .unexpectedAnswer)
    #expect(error.cause.hasSuffix("answered 200 with a body that is longer than any object can be"))
  }

  // MARK: Trust

  @Test("trusts nobody but the cluster's authority")
  func otherAuthority() async throws {
    let scene = try ClientScene(trusting: try TestCertificateAuthority())
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(error.code == .untrusted)
    #expect(scene.server.requestCount == 0)
    #expect(
      error.details == """
        the certificate of \(scene.server.authority) has expired or is not signed by the cluster's authority; a retry \
        does not help; check KUBE_CA_FILE, and the clocks of both machines
        """)
  }

  @Test("trusts no certificate whose time is over")
  func expired() async throws {
    let scene = try ClientScene(isExpired: true)
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(error.code == .untrusted)
  }

  @Test("trusts no certificate for another address")
  func otherAddress() async throws {
    let scene = try ClientScene(certifiedFor: ["192.0.2.1"])
    let error = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    #expect(error.code == .untrusted)
    #expect(
      error.details == """
        the certificate of \(scene.server.authority) is for other names and addresses; a retry does not help; use an \
        address that the certificate names
        """)
  }

  @Test("trusts anybody when it is told to")
  func anything() async throws {
    let scene = try ClientScene(certifiedFor: ["192.0.2.1"], isExpired: true, trust: .anything)
    scene.server.put(object: Objects.configMap())
    _ = try await scene.client.get(Objects.configMapPath)
  }

  @Test("sees that the cluster has another authority now")
  func rotatedAuthority() async throws {
    let other = try TestCertificateAuthority()
    let scene = try ClientScene(trusting: other)
    scene.server.put(object: Objects.configMap())
    _ = try await scene.failure { () throws(APIError) in try await scene.client.get(Objects.configMapPath) }
    try scene.trustServer()
    _ = try await scene.client.get(Objects.configMapPath)
  }
}
