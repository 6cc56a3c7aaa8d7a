/// Why something of Kubernetes could not be had: the kubeconfig, the API server's answer, the pod in it.
///
/// No text ever holds a token, a kubeconfig's content, or a whole object.
package struct KubernetesError: Error, Sendable, Equatable {
  /// The kind of a failure; new ones may be added.
  package struct Code: Sendable, Hashable {
    private let name: String

    private init(_ name: String) {
      self.name = name
    }

    /// The kubeconfig, or the token file it names, is missing or cannot be read.
    package static let unreadableFile = Code("unreadableFile")
    /// The kubeconfig does not say what is needed, or says something unsupported.
    package static let invalidKubeconfig = Code("invalidKubeconfig")
    /// A namespace or pod name that no Kubernetes object can have.
    package static let invalidName = Code("invalidName")
    /// A field of an object has another type than Kubernetes gives it.
    package static let invalidObject = Code("invalidObject")
    /// The kernel knows no way to the API server's address.
    package static let noRoute = Code("noRoute")
    /// The connection was refused, reset, cut, or never came about.
    package static let unreachable = Code("unreachable")
    /// The deadline passed while an answer was awaited.
    package static let timedOut = Code("timedOut")
    /// The server's certificate is not the one the kubeconfig asks for.
    package static let untrusted = Code("untrusted")
    /// 401: the token is not, or no longer, accepted.
    package static let unauthorized = Code("unauthorized")
    /// The token says itself that its time is over.
    package static let expired = Code("expired")
    /// 403: the token's owner may not read pods.
    package static let forbidden = Code("forbidden")
    /// 404: no such pod.
    package static let notFound = Code("notFound")
    /// 429 or 5xx: the server cannot answer now.
    package static let unavailable = Code("unavailable")
    /// Something that the API server does not answer to this request.
    package static let unexpectedAnswer = Code("unexpectedAnswer")
  }

  /// What was attempted.
  package enum Operation: Sendable, Hashable {
    case readKubeconfig
    case readToken
    case useToken
    case findRoute
    case fetchPod
    case decodePod
  }

  package let code: Code
  package let operation: Operation
  /// The path of the file, the server's address, or `NAMESPACE/NAME` of the pod.
  package let object: String
  package let cause: String
  /// Whether the same request may succeed later although nobody repairs anything.
  package let retryHelps: Bool
  /// What an operator can do.
  package let advice: String

  package init(
    _ code: Code, _ operation: Operation, _ object: String, cause: String, retryHelps: Bool, advice: String
  ) {
    self.code = code
    self.operation = operation
    self.object = object
    self.cause = cause
    self.retryHelps = retryHelps
    self.advice = advice
  }

  /// What could not be done, on one line of fewer than 100 characters: fit for a pod's event.
  package var message: String {
    switch operation {
    case .readKubeconfig: "cannot read kubeconfig \(shortObject)"
    case .readToken: "cannot read token file \(shortObject)"
    case .useToken: "cannot use the token in \(shortObject)"
    case .findRoute: "cannot reach the API server at \(shortObject)"
    case .fetchPod: "cannot read pod \(shortObject) from the API server"
    case .decodePod: "cannot decode pod \(shortObject)"
    }
  }

  /// The cause, whether a retry can help, and what to do.
  package var details: String {
    "\(cause); \(retryHelps ? "a retry may help" : "a retry does not help"); \(advice)"
  }

  /// A pod's namespace and name may have 63 and 253 characters; the ends tell pods apart better than the middle.
  private var shortObject: String {
    guard object.count > 60 else { return object }
    return "\(object.prefix(30))...\(object.suffix(27))"
  }
}

extension KubernetesError: CustomStringConvertible {
  package var description: String { "\(message): \(details)" }
}
