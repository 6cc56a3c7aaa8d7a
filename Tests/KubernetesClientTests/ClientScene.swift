import Harness
import JSON
import KubernetesClient
import TestKit
import Testing

/// An API server, the files of a ServiceAccount, and a client that uses them.
final class ClientScene: Sendable {
  static let token = "sesame-7f3c"
  private static let authority = Result { try TestCertificateAuthority() }
  /// What nearly all servers have; to make one takes three processes.
  private static let certificate = Result {
    try authority.get().serverCertificate(addresses: ["127.0.0.1", "::1"])
  }

  let server: FakeAPIServer
  private let files: TemporaryFolder
  var folder: String { files.path }
  let client: APIClient

  /// - Parameters:
  ///   - certifiedFor: the addresses in the server's certificate; nil is its own.
  ///   - other: an authority that the client trusts in place of the server's.
  init(
    address: String = "127.0.0.1", certifiedFor: [String]? = nil, isExpired: Bool = false,
    trusting other: TestCertificateAuthority? = nil, trust: ClusterAccess.Trust? = nil,
    pacing change: (inout Pacing) -> Void = { _ in }
  ) throws {
    let authority = try Self.authority.get()
    let certificate =
      if certifiedFor == nil, !isExpired {
        try Self.certificate.get()
      } else {
        try authority.serverCertificate(addresses: certifiedFor ?? ["127.0.0.1"], isExpired: isExpired)
      }
    server = try FakeAPIServer(onLoopback: address, certificate: certificate, token: Self.token)
    let files = try TemporaryFolder()
    try files.write(Self.token, to: "token")
    try files.write((other ?? authority).certificatePEM, to: "ca.crt")
    client = APIClient(
      try Self.access(to: server, files.path, trust), version: "1.2.3", pacing: Self.pacing(change))
    self.files = files
  }

  static func access(
    to server: FakeAPIServer, _ folder: String, _ trust: ClusterAccess.Trust? = nil
  ) throws -> ClusterAccess {
    let colon = try #require(server.authority.lastIndex(of: ":"))
    return try ClusterAccess(
      host: String(server.authority[..<colon]), port: String(server.authority[colon...].dropFirst()),
      serviceAccountFolder: folder, trust: trust)
  }

  /// Impatient where a wait is certain, and patient where it is only possible: other tests may block all threads for
  /// long.
  static func pacing(_ change: (inout Pacing) -> Void = { _ in }) -> Pacing {
    var pacing = Pacing()
    pacing.callLimit = .seconds(120)
    pacing.attemptLimit = .seconds(60)
    pacing.connectLimit = .seconds(60)
    pacing.firstDelay = .milliseconds(10)
    pacing.longestDelay = .milliseconds(100)
    pacing.reopeningSpread = .milliseconds(10)
    change(&pacing)
    return pacing
  }

  func writeToken(_ token: String) throws {
    try files.write(token, to: "token")
  }

  /// Puts the server's authority where the client looks for it.
  func trustServer() throws {
    try files.write(try Self.authority.get().certificatePEM, to: "ca.crt")
  }

  /// The error of a call that fails, which must not hold the token.
  func failure<Success>(
    sourceLocation: SourceLocation = #_sourceLocation, of call: () async throws(APIError) -> Success
  ) async throws -> APIError {
    do throws(APIError) {
      _ = try await call()
    } catch {
      #expect(!error.description.contains(Self.token), sourceLocation: sourceLocation)
      return error
    }
    Issue.record("the call succeeded", sourceLocation: sourceLocation)
    throw NoFailure()
  }

  private struct NoFailure: Error {}
}

/// Objects of a small cluster.
enum Objects {
  static let configMapPath = ObjectPath(.configMaps, namespace: "istio-system", name: "istio-cni-config")

  static func configMap(_ data: JSONObject = ["LOG_LEVEL": "info"], name: String = "istio-cni-config") -> JSONValue {
    [
      "apiVersion": "v1", "kind": "ConfigMap",
      "metadata": ["namespace": "istio-system", "name": .string(name)], "data": .object(data),
    ]
  }

  static func pod(_ name: String, on node: String?) -> JSONValue {
    [
      "apiVersion": "v1", "kind": "Pod", "metadata": ["namespace": "shop", "name": .string(name)],
      "spec": ["nodeName": node.map { .string($0) } ?? .null],
    ]
  }
}
