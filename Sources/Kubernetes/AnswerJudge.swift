import JSON
import NIOCore
import NIOHTTP1
import NIOSSL
import System
import SystemPackage

/// A failed attempt, and what can be done about it within this fetch.
struct FetchFailure: Error {
  enum Recourse {
    case none
    /// Wait at least so long, and longer each time.
    case wait(Duration)
    /// Wait a few times, and shortly.
    case shortWait
    case newCredentials
  }

  let recourse: Recourse
  private let error: KubernetesError

  init(_ recourse: Recourse, _ error: KubernetesError) {
    self.recourse = recourse
    self.error = error
  }

  /// The error to report when it ends the fetch.
  func error(attemptCount: Int) -> KubernetesError {
    guard attemptCount > 1 else { return error }
    return KubernetesError(
      error.code, error.operation, error.object, cause: "\(error.cause) (\(attemptCount) attempts)",
      retryHelps: error.retryHelps, advice: error.advice)
  }
}

/// Tells what an answer, or its absence, means.
struct AnswerJudge {
  /// `NAMESPACE/NAME` of the pod that was asked for.
  let object: String
  /// `ADDRESS:PORT`.
  let server: String
  /// The token that was sent, so that no text repeats it.
  let token: BearerToken

  // MARK: Answers

  func pod(in answer: HTTPAnswer) -> Result<PodObject, FetchFailure> {
    let status = "\(answer.status.code) \(answer.status.reasonPhrase)"
    let cause = "\(server) answered \(status)\(statusMessage(answer))"
    switch answer.status.code {
    case 200:
      return decode(answer)
    case 300..<400:
      return .failure(
        failure(
          .unexpectedAnswer, cause: "\(cause); redirects are not followed",
          advice: "something else than an API server listens there; check the server in the kubeconfig"))
    case 401:
      return .failure(
        failure(
          .unauthorized, .newCredentials, cause: cause,
          advice: "the token has expired or belongs to another cluster; check that the istio-cni-node pod runs"))
    case 403:
      return .failure(
        failure(
          .forbidden, cause: cause, advice: "RBAC must allow the verb get on pods to the plugin's ServiceAccount"))
    case 404:
      return .failure(
        failure(
          .notFound, .shortWait, cause: cause, retryHelps: true,
          advice: "the pod was deleted, or the API server does not show it yet"))
    case 429, 500..<600:
      let seconds = answer.headers.first(name: "Retry-After").flatMap { UInt32($0) } ?? 0
      return .failure(
        failure(
          .unavailable, .wait(.seconds(Int64(seconds))), cause: cause, retryHelps: true,
          advice: "the API server is overloaded or starting"))
    default:
      return .failure(
        failure(.unexpectedAnswer, cause: cause, advice: "check the server in the kubeconfig"))
    }
  }

  private func decode(_ answer: HTTPAnswer) -> Result<PodObject, FetchFailure> {
    let type = answer.headers.first(name: "Content-Type") ?? "no content type"
    guard type.hasPrefix("application/json") else {
      return .failure(
        failure(
          .unexpectedAnswer, cause: "\(server) answered 200 with \(token.redacting(type)) instead of JSON",
          advice: "something else than an API server listens there; check the server in the kubeconfig"))
    }
    do throws(JSONError) {
      let json = try JSONValue(parsing: answer.body)
      return Result { () throws(KubernetesError) in try PodObject(json: json) }
        .mapError { FetchFailure(.none, $0) }
    } catch {
      return .failure(
        failure(
          .unexpectedAnswer, cause: "\(server) answered 200 with a body that is not JSON (\(error))",
          advice: "check what stands between the node and the API server"))
    }
  }

  /// What the API server says in a `Status` object, after a colon; empty if there is none.
  private func statusMessage(_ answer: HTTPAnswer) -> String {
    // A body that is no JSON has no message; the status says enough.
    guard let json = try? JSONValue(parsing: answer.body), json["kind"] == "Status",
      let message = json["message"]?.string, !message.isEmpty
    else { return "" }
    return ": \(token.redacting(message))"
  }

  // MARK: No answer

  /// - Parameter limit: the time that the whole fetch had.
  func timedOut(after limit: Duration) -> FetchFailure {
    let (seconds, attoseconds) = (limit + .milliseconds(50)).components
    let tenth = attoseconds / 100_000_000_000_000_000
    let time = tenth == 0 ? "\(seconds) s" : "\(seconds).\(tenth) s"
    return failure(
      .timedOut, cause: "GET timed out after \(time) (\(server))", retryHelps: true,
      advice: "check that the node reaches the API server's address")
  }

  /// What an error of the layers below means.
  func failure(of error: any Error) -> FetchFailure {
    switch error {
    case HTTPExchangeFault.cut:
      return unreachable(ConnectionFault.cut)
    case HTTPExchangeFault.tooLong(let limit):
      return failure(
        .unexpectedAnswer, cause: "\(server) answered with more than \(limit) bytes",
        advice: "no pod is that large; check the server in the kubeconfig")
    default: break
    }
    switch ConnectionFault(error) {
    case .broken(let problem):
      return unreachable(problem)
    case .notHTTP(let problem):
      return failure(
        .unexpectedAnswer, cause: "\(server) answered with something that is not HTTP: \(problem)",
        advice: "something else than an API server listens there; check the server in the kubeconfig")
    case .otherName:
      return failure(
        .untrusted, cause: "the certificate of \(server) is for other names and addresses",
        advice: "use an address that the certificate names, or set tls-server-name in the kubeconfig")
    case .unverified:
      return failure(
        .untrusted,
        cause: "the certificate of \(server) has expired or is not signed by the kubeconfig's certificate authority",
        advice: "check certificate-authority-data, and the clocks of both machines")
    case .handshake(let problem):
      return failure(
        .untrusted, cause: "TLS handshake with \(server) failed: \(token.redacting(problem))",
        advice: "the API server must speak TLS 1.2 or later")
    }
  }

  private func unreachable(_ problem: String) -> FetchFailure {
    failure(
      .unreachable, .wait(.zero), cause: "\(problem) (\(server))", retryHelps: true,
      advice: "check that the node reaches the API server's address")
  }

  private func failure(
    _ code: KubernetesError.Code, _ recourse: FetchFailure.Recourse = .none, cause: String, retryHelps: Bool = false,
    advice: String
  ) -> FetchFailure {
    FetchFailure(
      recourse,
      KubernetesError(code, .fetchPod, object, cause: cause, retryHelps: retryHelps, advice: advice))
  }
}
