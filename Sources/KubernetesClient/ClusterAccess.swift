package import Kubernetes

/// How a pod reaches its API server: the address, whom to trust, and which token to show.
///
/// Tokens and authorities are read from files, because kubelet replaces both while the pod runs.
package struct ClusterAccess: Sendable, Equatable {
  package enum Trust: Sendable, Equatable {
    /// Only what a certificate of this PEM file signed.
    case authority(file: String)
    /// Anything: `SKIP_TLS_VERIFY`.
    case anything
  }

  package let server: APIServerAddress
  package let trust: Trust
  /// The path of the file with the token.
  package let tokenFile: String

  package init(server: APIServerAddress, trust: Trust, tokenFile: String) {
    self.server = server
    self.trust = trust
    self.tokenFile = tokenFile
  }

  /// The access that kubelet gives to every pod.
  ///
  /// - Parameters:
  ///   - host: `KUBERNETES_SERVICE_HOST`, a numeric address of either family, with or without brackets.
  ///   - port: `KUBERNETES_SERVICE_PORT`.
  ///   - serviceAccountFolder: with the files `token` and `ca.crt`.
  ///   - trust: nil is `ca.crt` of that folder.
  /// - Throws: `invalidAccess` if host and port are no address.
  package init(host: String, port: String, serviceAccountFolder: String, trust: Trust? = nil) throws(APIError) {
    let authority = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]:\(port)" : "\(host):\(port)"
    do throws(APIServerAddress.Fault) {
      server = try APIServerAddress(url: "https://\(authority)")
    } catch {
      throw APIError(
        .invalidAccess, .connect, authority, cause: "it \(error.problem)", retryHelps: false, advice: error.advice)
    }
    self.trust = trust ?? .authority(file: "\(serviceAccountFolder)/ca.crt")
    tokenFile = "\(serviceAccountFolder)/token"
  }
}
