package import JSON
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
package import System

/// An API server over real TLS that serves pods from memory and misbehaves on demand.
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
    /// Send half of the answer and reset the connection.
    case truncated
    /// Answer 200 with a web page, as a captive portal or a load balancer does.
    case html200
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
          try pipeline.configureHTTPServerPipeline()
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

  /// Adds a pod, or replaces the one of the same namespace and name.
  package func put(_ pod: JSONValue) {
    state.put(pod)
  }

  package func removePod(namespace: String, name: String) {
    state.removePod(namespace: namespace, name: name)
  }

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
}
