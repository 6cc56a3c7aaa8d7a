package import JSON
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
package import System

/// An API server over real TLS that keeps objects in memory, lets them be listed, watched and changed as a real one does,
/// and misbehaves on demand.
package final class FakeAPIServer: Sendable {
  /// What to do with a request.
  package enum Behaviour: Sendable, Equatable {
    /// Answer as a real API server: the pod, 401 for a wrong token, 404 for no such pod.
    case normal
    /// Answer normally, but only after this time.
    case slow(Duration)
    /// Answer with this status; `retryAfter` in seconds.
    case status(Int, retryAfter: Int? = nil)
    /// Reset the connection instead of answering.
    case reset
    /// Send half of the answer and reset the connection; of a watch, half of its first event.
    case truncated
    /// Answer 200 with a web page, as a captive portal or a load balancer does.
    case html200
    /// Answer with a web page and this status, as a proxy does that knows no such path.
    case html(status: Int)
    /// Answer 307 with this address.
    case redirect(to: String)
    /// Answer 401 until the token is this one, and normally then.
    case unauthorizedUntilTokenIs(String)
  }

  /// A request that arrived.
  package struct Request: Sendable, Equatable {
    package let method: String
    package let path: String
    package let userAgent: String
    /// Values of the headers that a client could get wrong, by lower-case name.
    package let headers: [String: String]
    package let body: [UInt8]
  }

  private let group: MultiThreadedEventLoopGroup
  private let listener: any Channel
  private let state: FakeAPIServerState

  /// Where it listens: `127.0.0.1:40123`, `[::1]:40123`.
  package let authority: String

  /// Serves on a socket that is bound and listening, in whichever namespace it was made.
  ///
  /// - Parameter listening: a descriptor that the server closes in the end.
  package convenience init(listening: CInt, certificate: TestCertificate, token: String) throws {
    try self.init(certificate: certificate, token: token) { bootstrap in
      try bootstrap.withBoundSocket(listening).wait()
    }
  }

  /// Serves at an address that the namespace has.
  package convenience init(
    at endpoint: Endpoint, in namespace: borrowing NetworkNamespace, certificate: TestCertificate, token: String
  ) throws {
    let listener = try PodSocket.open(.tcp, for: endpoint, as: .root, in: namespace)
    try listener.listen(on: endpoint)
    try self.init(listening: listener.take(), certificate: certificate, token: token)
  }

  /// Serves on a free port of a loopback address of this namespace.
  package convenience init(
    onLoopback address: String = "127.0.0.1", certificate: TestCertificate, token: String
  ) throws {
    let socketAddress = try SocketAddress(ipAddress: address, port: 0)
    try self.init(certificate: certificate, token: token) { bootstrap in
      try bootstrap.bind(to: socketAddress).wait()
    }
  }

  private init(
    certificate: TestCertificate, token: String, listen: (ServerBootstrap) throws -> any Channel
  ) throws {
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.certificatePEM.utf8))
        .map { .certificate($0) },
      privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(certificate.privateKeyPEM.utf8), format: .pem)))
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["h2", "http/1.1"]
    let context = try NIOSSLContext(configuration: configuration)

    let state = FakeAPIServerState(token: token)
    self.state = state
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let bootstrap = ServerBootstrap(group: group)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(NIOSSLServerHandler(context: context))
          // Pipelining assistance reads nothing while an answer is on its way, so the end of a watcher would go unseen.
          try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
          try pipeline.addHandler(FakeAPIServerConnection(state))
        }
      }
    listener = try listen(bootstrap)
    let address = listener.localAddress
    let host = address?.ipAddress ?? ""
    authority = "\(host.contains(":") ? "[\(host)]" : host):\(address?.port ?? 0)"
  }

  deinit {
    group.shutdownGracefully { _ in }
  }

  /// Stops listening and closes every connection.
  package func stop() throws {
    try group.syncShutdownGracefully()
  }

  // MARK: What it serves

  /// Adds a pod, or replaces the one of the same namespace and name. It may be one that no real server would store.
  package func put(_ pod: JSONValue) {
    let metadata = pod["metadata"]
    state.put(
      pod, at: Self.key("Pod", metadata?["namespace"]?.string ?? "default", metadata?["name"]?.string ?? ""),
      isCreated: false)
  }

  package func removePod(namespace: String, name: String) {
    remove(kind: "Pod", namespace: namespace, name: name)
  }

  /// Adds an object of any kind, or replaces the one of the same kind, namespace and name.
  package func put(object: JSONValue) {
    let metadata = object["metadata"]
    state.put(
      object,
      at: Self.key(
        object["kind"]?.string ?? "", metadata?["namespace"]?.string, metadata?["name"]?.string ?? ""),
      isCreated: true)
  }

  /// Removes an object, if there is one.
  ///
  /// - Parameter namespace: nil for those that are in none.
  package func remove(kind: String, namespace: String?, name: String) {
    state.remove(Self.key(kind, namespace, name))
  }

  /// An object as it is stored now.
  package func object(kind: String, namespace: String?, name: String) -> JSONValue? {
    state.object(Self.key(kind, namespace, name))
  }

  /// All objects of a kind, in the order of their names.
  package func objects(kind: String) -> [JSONValue] {
    let key = Self.key(kind, nil, "")
    return state.objects(
      FakeAPISelection(apiVersion: key.apiVersion, plural: key.plural, namespace: nil, fields: []))
  }

  private static func key(_ kind: String, _ namespace: String?, _ name: String) -> FakeAPIServerStore.Key {
    let isApplication = ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"].contains(kind)
    return FakeAPIServerStore.Key(
      apiVersion: isApplication ? "apps/v1" : "v1", plural: "\(kind.lowercased())s", namespace: namespace, name: name)
  }

  /// Forgets the past: every watch, and every page of a list, that goes on from before is answered with 410.
  package func expireHistory() {
    state.expire()
  }

  // MARK: Its watches

  /// How many watches are open.
  package var watchCount: Int { state.watchCount }

  /// Tells those that watch, and asked for it, how far they have seen everything.
  package func sendBookmarks() {
    state.withWatches { watch, revision in
      guard watch.wantsBookmarks else { return }
      watch.send([
        "type": "BOOKMARK", "object": ["metadata": ["resourceVersion": .string(String(revision))]],
      ])
    }
  }

  /// Ends all watches in good order, as after their time.
  package func endWatches() {
    state.withWatches(closing: true) { watch, _ in watch.end() }
  }

  /// Resets the connections of all watches.
  package func cutWatches() {
    state.withWatches(closing: true) { watch, _ in watch.cut() }
  }

  /// Sends an error with this status in all watches, and ends them.
  package func failWatches(_ code: Int) {
    state.withWatches(closing: true) { watch, _ in
      watch.send(["type": "ERROR", "object": FakeAPIServerAnswer.statusObject(code, nil)])
      watch.end()
    }
  }

  // MARK: How it behaves

  /// Accepts another token from now on, and no longer the one before.
  package func setToken(_ token: String) {
    state.setToken(token)
  }

  /// How to treat requests from now on.
  package func setBehaviour(_ behaviour: Behaviour) {
    state.setBehaviour(behaviour)
  }

  /// How to treat the next requests, one each, before the set behaviour is in force again.
  package func script(_ behaviours: [Behaviour]) {
    state.script(behaviours)
  }

  // MARK: What it saw

  /// The requests, in the order of their arrival.
  package var requests: [Request] { state.requests }

  package var requestCount: Int { state.requests.count }

  /// How many connections were made, with those that came to nothing.
  package var connectionCount: Int { state.connectionCount }

  /// The requests of one method whose path, with the query, begins so.
  package func requests(_ method: String, to path: String) -> [Request] {
    state.requests.filter { $0.method == method && $0.path.hasPrefix(path) }
  }
}

extension FakeAPIServer.Request {
  /// What it is for, in the words of RBAC: `list pods`, `watch daemonsets`, `get pods` for a single one.
  package var purpose: String {
    guard let asked = FakeAPIPath(path) else { return "\(method) \(path)" }
    let verb =
      switch method {
      case "GET": asked.isWatch ? "watch" : asked.name == nil ? "list" : "get"
      case "POST": "create"
      default: method.lowercased()
      }
    return "\(verb) \(asked.plural)"
  }
}
