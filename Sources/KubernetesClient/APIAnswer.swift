import AsyncHTTPClient
import JSON
import Kubernetes
import NIOCore
import NIOHTTP1

/// What to ask of the API server.
struct APIRequest: Sendable {
  let operation: APIError.Operation
  /// What is asked for, in the words of an error's object.
  let object: String
  /// The name that a 404 must repeat to mean the object; nil when none is asked for by its name.
  var name: String?
  var method: HTTPMethod = .GET
  /// Path and query.
  let target: String
  var body: (contentType: String, value: JSONValue)?
}

/// Tells what an answer, or its absence, means.
struct AnswerMeaning: Sendable {
  let request: APIRequest
  /// `ADDRESS:PORT`.
  let server: String
  /// The token that was sent, so that no text repeats it.
  let token: BearerToken

  // MARK: Answers

  /// The error that an answer without success stands for.
  func error(status: HTTPResponseStatus, headers: HTTPHeaders, body: [UInt8]) -> APIError {
    // A body that is no JSON has no message; the status says enough.
    let json = try? JSONValue(parsing: body)
    let object = json?["kind"] == "Status" ? json : Optional.none
    let seconds = headers.first(name: "Retry-After").flatMap { UInt16($0) } ?? 0
    return error(
      code: Int(status.code), reason: status.reasonPhrase, object: object, retryAfter: .seconds(Int(seconds)))
  }

  /// The error that a `Status` object in a watch stands for.
  func error(inWatch object: JSONValue?) -> APIError {
    let seconds = object?["details"]?["retryAfterSeconds"]?.int ?? 0
    return error(
      code: object?["code"]?.int ?? 500, reason: object?["reason"]?.string ?? "in a watch", object: object,
      retryAfter: .seconds(max(0, seconds)))
  }

  private func error(code: Int, reason: String, object: JSONValue?, retryAfter: Duration) -> APIError {
    let message = object?["message"]?.string.map { ": \(token.redacting($0))" } ?? ""
    let cause = "\(server) answered \(code) \(reason)\(message)"
    switch code {
    case 300..<400:
      return unexpected("\(cause); redirects are not followed")
    case 400, 422:
      return error(.invalid, cause, advice: "the agent and the cluster are of versions that do not fit; report it")
    case 401:
      return error(
        .unauthorized, cause, retryHelps: true,
        advice: "the token has expired, its pod is gone, or it belongs to another cluster; kubelet renews it")
    case 403:
      return error(
        .forbidden, cause,
        advice: "RBAC must allow the verb \(request.operation.rawValue) on it to the agent's ServiceAccount")
    case 404:
      // Only the API server's word on this very name counts: a proxy, or a server without that kind of objects, has its
      // own reasons to answer 404.
      guard object?["reason"] == "NotFound", request.name == nil || object?["details"]?["name"]?.string == request.name
      else { return unexpected(cause) }
      return error(.notFound, cause, advice: "check its name and namespace")
    case 409:
      let isTaken = object?["reason"] == "AlreadyExists"
      return error(isTaken ? .alreadyExists : .conflict, cause, advice: "read the object again and decide anew")
    case 410:
      return error(.expired, cause, retryHelps: true, advice: "list the objects again")
    case 429, 500..<600:
      return error(
        .unavailable, cause, retryHelps: true, advice: "the API server is overloaded or starting",
        retryAfter: retryAfter)
    default:
      return unexpected(cause)
    }
  }

  /// The error for an answer that no API server gives.
  func unexpected(_ cause: String) -> APIError {
    error(
      .unexpectedAnswer, cause, retryHelps: true,
      advice: "something else than an API server seems to answer; check KUBERNETES_SERVICE_HOST and what is between")
  }

  func notJSON(_ contentType: String?) -> APIError {
    unexpected("\(server) answered 200 with \(token.redacting(contentType ?? "no content type")) instead of JSON")
  }

  func malformed(_ problem: String) -> APIError {
    unexpected("\(server) answered 200 with a body that \(problem)")
  }

  // MARK: No answer

  /// - Parameter limit: the time that the attempt had.
  func timedOut(after limit: Duration) -> APIError {
    error(
      .timedOut, "no answer from \(server) within \(tenths(limit)) s", retryHelps: true,
      advice: "check that the node reaches the API server's address")
  }

  /// What an error of the layers below means.
  func error(of error: any Error, limit: Duration) -> APIError {
    switch error {
    case let error as APIError: return error
    case is CancellationError: return cancelled()
    case is TimeIsOver: return timedOut(after: limit)
    case is NIOTooManyBytesError: return malformed("is longer than any object can be")
    case let error as HTTPClientError:
      switch error {
      case .cancelled: return cancelled()
      case .deadlineExceeded: return timedOut(after: limit)
      case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout:
        return unreachable("no connection in time")
      case .remoteConnectionClosed: return unreachable(ConnectionFault.cut)
      default: return unreachable("connection failed: \(error)")
      }
    default: break
    }
    switch ConnectionFault(error) {
    case .broken(let problem):
      return unreachable(problem)
    case .notHTTP(let problem):
      return unexpected("\(server) answered with something that is not HTTP: \(problem)")
    case .otherName:
      return untrusted(
        "the certificate of \(server) is for other names and addresses",
        advice: "use an address that the certificate names")
    case .unverified:
      return untrusted(
        "the certificate of \(server) has expired or is not signed by the cluster's authority",
        advice: "check KUBE_CA_FILE, and the clocks of both machines")
    case .handshake(let problem):
      return untrusted(
        "TLS handshake with \(server) failed: \(token.redacting(problem))",
        advice: "the API server must speak TLS 1.2 or later")
    }
  }

  private func cancelled() -> APIError {
    error(.cancelled, "the agent is stopping", retryHelps: true, advice: "nothing is to be done")
  }

  private func unreachable(_ problem: String) -> APIError {
    error(
      .unreachable, "\(problem) (\(server))", retryHelps: true,
      advice: "check that the node reaches the API server's address")
  }

  private func untrusted(_ cause: String, advice: String) -> APIError {
    error(.untrusted, cause, advice: advice)
  }

  private func error(
    _ code: APIError.Code, _ cause: String, retryHelps: Bool = false, advice: String, retryAfter: Duration = .zero
  ) -> APIError {
    APIError(
      code, request.operation, request.object, cause: cause, retryHelps: retryHelps, advice: advice,
      retryAfter: retryAfter)
  }

  /// Seconds, with a tenth where there is one.
  private func tenths(_ time: Duration) -> String {
    let (seconds, attoseconds) = (time + .milliseconds(50)).components
    let tenth = attoseconds / 100_000_000_000_000_000
    return tenth == 0 ? "\(seconds)" : "\(seconds).\(tenth)"
  }
}
