import NIOCore
import System

extension Kubeconfig {
  /// Finds out whether a fetch could begin, as far as this node can tell: nothing is sent, and no thread started.
  ///
  /// - Parameter now: the time since 1970.
  /// - Throws: `unreadableFile` or `invalidKubeconfig` for the authority or the token, `expired`, `noRoute`.
  package func requireReadiness(at now: Duration) throws(KubernetesError) {
    _ = try authorityCertificates()
    if let expiry = try currentToken().expiry, expiry <= now {
      throw KubernetesError(
        .expired, .useToken, tokenPath, cause: "it expired \((now - expiry).components.seconds) s ago",
        retryHelps: true, advice: "the istio-cni-node pod on this node renews it; check that it runs")
    }
    do throws(SystemError) {
      let address = server.socketAddress
      try requireRoute(to: address.ipAddress ?? "", port: UInt16(clamping: address.port ?? 0))
    } catch {
      throw KubernetesError(
        .noRoute, .findRoute, server.authority, cause: "\(error)", retryHelps: true,
        advice: "check the node's routes and the address in \(path)")
    }
  }

  /// The file that holds the token.
  private var tokenPath: String {
    if case .tokenFile(let file) = credential { file } else { path }
  }
}
