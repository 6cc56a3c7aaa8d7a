/// Why something could not be had from, or done at, the API server.
///
/// No text ever holds a token or a whole object.
package struct APIError: Error, Sendable, Equatable {
  /// The kind of a failure; new ones may be added.
  package struct Code: Sendable, Hashable {
    private let name: String

    private init(_ name: String) {
      self.name = name
    }

    /// The server's address is not one that the agent can connect to.
    package static let invalidAccess = Code("invalidAccess")
    /// The token's or the authority's file is missing or cannot be read.
    package static let unreadableFile = Code("unreadableFile")
    /// The connection was refused, reset, cut, or never came about.
    package static let unreachable = Code("unreachable")
    /// The time passed while an answer was awaited.
    package static let timedOut = Code("timedOut")
    /// The server's certificate is not one that the cluster's authority signed for this address.
    package static let untrusted = Code("untrusted")
    /// 401: the token is not, or no longer, accepted.
    package static let unauthorized = Code("unauthorized")
    /// 403: the token's owner may not do that.
    package static let forbidden = Code("forbidden")
    /// 404, by the API server's own word: there is no such object.
    package static let notFound = Code("notFound")
    /// 409: there is an object of that name already.
    package static let alreadyExists = Code("alreadyExists")
    /// 409: the object is not, or no longer, the one that was meant.
    package static let conflict = Code("conflict")
    /// 410: what the request continues is too old to be continued.
    package static let expired = Code("expired")
    /// 400 or 422: the request, or the object in it, is against the rules.
    package static let invalid = Code("invalid")
    /// 429 or 5xx: the server cannot answer now.
    package static let unavailable = Code("unavailable")
    /// Something that no API server answers to this request.
    package static let unexpectedAnswer = Code("unexpectedAnswer")
    /// The task that asked was cancelled.
    package static let cancelled = Code("cancelled")
  }

  /// What was attempted; the raw value is the API's verb, where there is one.
  package enum Operation: String, Sendable {
    case connect, readToken, readAuthority
    case get, list, watch, create, patch, delete
  }

  package let code: Code
  package let operation: Operation
  /// The path of the file, the server's address, or what was asked for: `daemonset istio-system/istio-cni-node`.
  package let object: String
  package let cause: String
  /// Whether the same request may succeed later although nobody repairs anything.
  package let retryHelps: Bool
  /// What an operator can do.
  package let advice: String
  /// How long the server wants to be left alone.
  package let retryAfter: Duration

  package init(
    _ code: Code, _ operation: Operation, _ object: String, cause: String, retryHelps: Bool, advice: String,
    retryAfter: Duration = .zero
  ) {
    self.code = code
    self.operation = operation
    self.object = object
    self.cause = cause
    self.retryHelps = retryHelps
    self.advice = advice
    self.retryAfter = retryAfter
  }

  /// What could not be done, on one line.
  package var message: String {
    switch operation {
    case .connect: "cannot use the API server's address \(object)"
    case .readToken: "cannot read token file \(object)"
    case .readAuthority: "cannot read the certificate authority \(object)"
    case .get: "cannot read \(object) from the API server"
    case .list, .watch, .create, .patch, .delete: "cannot \(operation.rawValue) \(object)"
    }
  }

  /// The cause, whether a retry can help, and what to do.
  package var details: String {
    "\(cause); \(retryHelps ? "a retry may help" : "a retry does not help"); \(advice)"
  }

  /// The same error with the number of attempts that it ended.
  func after(attemptCount: Int) -> APIError {
    guard attemptCount > 1 else { return self }
    return APIError(
      code, operation, object, cause: "\(cause) (\(attemptCount) attempts)", retryHelps: retryHelps, advice: advice,
      retryAfter: retryAfter)
  }
}

extension APIError: CustomStringConvertible {
  package var description: String { "\(message): \(details)" }
}
