import AsyncHTTPClient
package import JSON
import Kubernetes
package import NIOCore
import NIOHTTP1
import Synchronization
import System

/// That the API server did not accept the token.
package struct TokenRefusal: Sendable, Equatable {
  /// Since 1970.
  package let time: Duration
  /// What the server said.
  package let cause: String
}

/// Talks to the API server: over connections that stay, with the token that is valid now, and patiently.
///
/// What passes by itself (a refused connection, a cut answer, no answer, 429, 5xx) is tried again until the call's time
/// is over: later each time, and no sooner than the server asks for. On 401 the token's file is read again, once.
package final class APIClient: Sendable {
  /// An object of etcd's default limit (1.5 MiB) fits several times.
  private static let objectLimit = 8 << 20
  private static let statusLimit = 64 << 10

  let pacing: Pacing
  private let server: APIServerAddress
  private let credentials: Credentials
  private let userAgent: String
  private let http: HTTPClient
  private let refusal = Mutex<TokenRefusal?>(nil)

  /// - Parameters:
  ///   - version: of the agent, for the API server's audit log.
  ///   - eventLoops: where the connections live; nil is a group of the process.
  package init(
    _ access: ClusterAccess, version: String, pacing: Pacing = Pacing(), eventLoops: (any EventLoopGroup)? = nil
  ) {
    self.pacing = pacing
    server = access.server
    credentials = Credentials(access)
    userAgent = "istio-cni-node/\(version)"

    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    configuration.httpVersion = .http1Only
    configuration.timeout.connect = TimeAmount(pacing.connectLimit)
    // Attempts are counted and paced here.
    configuration.connectionPool.retryConnectionEstablishment = false
    http = HTTPClient(eventLoopGroup: eventLoops ?? HTTPClient.defaultEventLoopGroup, configuration: configuration)
  }

  deinit {
    // Whoever has not called `shutdown()` has nothing to wait for.
    http.shutdown { _ in }
  }

  /// Closes the connections. No call may follow.
  package func shutdown() async {
    // It fails only if it has been called before.
    try? await http.shutdown()
  }

  /// That the token was refused, until it is accepted again.
  package var lastRefusal: TokenRefusal? { refusal.withLock { $0 } }

  // MARK: Calls

  /// Reads one object.
  ///
  /// - Parameter limit: the time for all attempts; nil is the client's own.
  /// - Throws: `notFound` only if the API server says so of this very object.
  package func get(_ object: ObjectPath, within limit: Duration? = nil) async throws(APIError) -> JSONValue {
    let request = APIRequest(operation: .get, object: object.description, name: object.name, target: object.path)
    return try await send(request, within: limit)
  }

  /// Makes an object.
  ///
  /// - Returns: the object as it is stored.
  /// - Throws: `alreadyExists`, also when an earlier attempt of this call made it and its answer was lost.
  @discardableResult
  package func create(
    _ object: JSONValue, as resource: APIResource, inNamespace namespace: String? = nil, within limit: Duration? = nil
  ) async throws(APIError) -> JSONValue {
    let name = object["metadata"]?["name"]?.string ?? object["metadata"]?["generateName"]?.string ?? ""
    let path = ObjectPath(resource, namespace: namespace, name: name)
    let request = APIRequest(
      operation: .create, object: path.description, method: .POST, target: resource.path(inNamespace: namespace),
      body: ("application/json", object))
    return try await send(request, within: limit)
  }

  /// Changes some members of an object.
  ///
  /// - Parameter change: a merge patch (RFC 7396). With `metadata.resourceVersion` in it, only that version is changed.
  /// - Returns: the object as it is stored.
  /// - Throws: `conflict` if it has another version.
  @discardableResult
  package func patch(
    _ object: ObjectPath, with change: JSONValue, within limit: Duration? = nil
  ) async throws(APIError) -> JSONValue {
    let request = APIRequest(
      operation: .patch, object: object.description, name: object.name, method: .PATCH, target: object.path,
      body: ("application/merge-patch+json", change))
    return try await send(request, within: limit)
  }

  /// Deletes an object.
  ///
  /// - Parameters:
  ///   - uid: of the object that is meant, so that a namesake made since is spared.
  ///   - resourceVersion: of the state that the decision was made by.
  /// - Throws: `conflict` if it is another object or state; `notFound` also when an earlier attempt of this call deleted
  ///   it and its answer was lost.
  package func delete(
    _ object: ObjectPath, uid: String?, resourceVersion: String? = nil, within limit: Duration? = nil
  ) async throws(APIError) {
    var preconditions: JSONObject = [:]
    if let uid { preconditions["uid"] = .string(uid) }
    if let resourceVersion { preconditions["resourceVersion"] = .string(resourceVersion) }
    let options: JSONValue = [
      "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": .object(preconditions),
    ]
    let request = APIRequest(
      operation: .delete, object: object.description, name: object.name, method: .DELETE, target: object.path,
      body: ("application/json", options))
    _ = try await send(request, within: limit)
  }

  private func send(_ request: APIRequest, within limit: Duration?) async throws(APIError) -> JSONValue {
    let limits = Limits(call: limit ?? pacing.callLimit, attempt: pacing.attemptLimit)
    return try await perform(request, within: limits) { response, meaning in
      let body = try await response.body.collect(upTo: Self.objectLimit)
      return try parse(body.readableBytesView, meaning)
    }
  }

  // MARK: Attempts

  /// The time of a call, and of one attempt.
  struct Limits {
    let call: Duration
    let attempt: Duration
    /// Whether what passes by itself is tried again.
    var retries = true
  }

  /// Sends a request until it has an answer that is a success, which `read` makes something of.
  func perform<Success: Sendable>(
    _ request: APIRequest, within limits: Limits,
    read: @escaping @Sendable (HTTPClientResponse, AnswerMeaning) async throws -> Success
  ) async throws(APIError) -> Success {
    let deadline = ContinuousClock.now + limits.call
    var backOff = pacing.backOff()
    var attemptCount = 0
    var refused: BearerToken?
    var last: APIError?
    while true {
      attemptCount += 1
      let token = try credentials.token(isRefused: refused != nil)
      let meaning = AnswerMeaning(request: request, server: server.authority, token: token)
      let rest = deadline - .now
      let failure: APIError
      do throws(APIError) {
        return try await attempt(meaning, within: min(limits.attempt, rest), read: read)
      } catch {
        // An attempt that had hardly any time left says less than the one before it.
        if let last, error.code == .timedOut, rest < limits.attempt {
          throw last.after(attemptCount: attemptCount)
        }
        failure = error
        last = error
      }
      let delay: Duration
      switch failure.code {
      case .unauthorized where refused == nil:
        refused = token
        // The same token would be refused again.
        guard try credentials.token(isRefused: true) != token else { throw failure.after(attemptCount: attemptCount) }
        delay = .zero
      case .unreachable where limits.retries, .timedOut where limits.retries, .unavailable where limits.retries:
        delay = backOff.next(atLeast: failure.retryAfter)
      default:
        throw failure.after(attemptCount: attemptCount)
      }
      guard ContinuousClock.now + delay < deadline else { throw failure.after(attemptCount: attemptCount) }
      do {
        try await Task.sleep(for: delay)
      } catch {
        throw meaning.error(of: error, limit: limits.call)
      }
    }
  }

  private func attempt<Success: Sendable>(
    _ meaning: AnswerMeaning, within limit: Duration,
    read: @escaping @Sendable (HTTPClientResponse, AnswerMeaning) async throws -> Success
  ) async throws(APIError) -> Success {
    let request = try httpRequest(meaning)
    do {
      return try await finishing(within: limit) { [http] in
        let response = try await http.execute(request, deadline: .now() + TimeAmount(limit))
        guard (200..<300).contains(response.status.code) else {
          let body = try await response.body.collect(upTo: Self.statusLimit)
          let error = meaning.error(
            status: response.status, headers: response.headers, body: Array(body.readableBytesView))
          self.note(error)
          throw error
        }
        let contentType = response.headers.first(name: "Content-Type")
        guard let contentType, contentType.hasPrefix("application/json") else { throw meaning.notJSON(contentType) }
        self.note(nil)
        return try await read(response, meaning)
      }
    } catch {
      throw meaning.error(of: error, limit: limit)
    }
  }

  private func httpRequest(_ meaning: AnswerMeaning) throws(APIError) -> HTTPClientRequest {
    let request = meaning.request
    var message = HTTPClientRequest(url: "https://\(server.authority)\(server.pathPrefix)\(request.target)")
    message.method = request.method
    message.headers = [
      "Authorization": meaning.token.authorization, "Accept": "application/json", "User-Agent": userAgent,
    ]
    if let (contentType, value) = request.body {
      message.headers.add(name: "Content-Type", value: contentType)
      message.body = .bytes(ByteBuffer(bytes: value.serialized()))
    }
    message.tlsConfiguration = try credentials.tls()
    return message
  }

  /// Remembers whether the token was accepted, which every answer but 401 says.
  private func note(_ error: APIError?) {
    let refused = error.flatMap { error in
      error.code == .unauthorized ? TokenRefusal(time: timeSinceEpoch(), cause: error.cause) : nil
    }
    switch error?.code {
    // Who answers so may not have looked at the token.
    case .unavailable, .unexpectedAnswer: break
    default: refusal.withLock { $0 = refused }
    }
  }
}

/// Reads a JSON text out of an answer.
func parse(_ bytes: some Sequence<UInt8>, _ meaning: AnswerMeaning) throws(APIError) -> JSONValue {
  do throws(JSONError) {
    return try JSONValue(parsing: Array(bytes))
  } catch {
    throw meaning.malformed("is not JSON (\(error))")
  }
}
