import CNI
import System

/// The API server of a cluster, as far as a plugin depends on it that would look up pods there.
struct APIServer {
  /// `https://ADDRESS:PORT`.
  private let url: String

  /// - Throws: code 11 when there is no kubeconfig yet, as before the agent has started.
  init(kubeconfig path: String) throws(Failure) {
    let text = (try? readFile(path, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    let words = text.split(whereSeparator: \.isWhitespace)
    guard let url = words.first(where: { $0.hasPrefix("https://") }) else {
      throw Failure(code: .tryAgainLater, message: "cannot find the API server: no kubeconfig at \(path)")
    }
    self.url = String(url)
  }

  /// Asks for something that needs no rights: what counts is that there is somebody to answer.
  ///
  /// - Throws: code 11 when nobody does within three seconds, or the answer is the server's own trouble.
  func requireAnswer() throws(Failure) {
    let outcome = try attempting("ask the API server") {
      try runChild(
        "/usr/bin/curl",
        arguments: ["-sk", "--http1.1", "--max-time", "3", "-o", "/dev/null", "-w", "%{http_code}", "\(url)/version"],
        environment: [:], timeLimit: .seconds(5))
    }
    let code = String(decoding: outcome.standardOutput, as: UTF8.self)
    guard outcome.status == .exited(0), !code.hasPrefix("5") else {
      throw Failure(
        code: .tryAgainLater, message: "cannot ask the API server at \(url)",
        details:
          "\(outcome.status), answer \(code); the container was not started, for its traffic must not bypass the proxy")
    }
  }
}
