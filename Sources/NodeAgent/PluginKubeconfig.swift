package import Kubernetes

/// The plugin's kubeconfig, with Istio's names for cluster, user and context.
package struct PluginKubeconfig: Sendable, Equatable {
  /// Which certificates of the API server the plugin accepts.
  package enum Trust: Sendable, Equatable {
    /// Those that one of these PEM certificates signed.
    case authority([UInt8])
    case anything
  }

  /// How the plugin shows who it is.
  package enum Credential: Sendable, Equatable {
    /// In the kubeconfig, which is written anew when the token is.
    case token(BearerToken)
    /// In a file that the plugin can read itself.
    case tokenFile(String)
  }

  /// `https://10.96.0.1:443`.
  package let server: String
  package let trust: Trust
  package let credential: Credential

  package init(server: String, trust: Trust, credential: Credential) {
    self.server = server
    self.trust = trust
    self.credential = credential
  }

  /// YAML with keys in the order in which Kubernetes' own writer puts them.
  package var text: [UInt8] {
    let trust =
      switch trust {
      case .authority(let pem): "certificate-authority-data: \(Base64.encode(pem))"
      case .anything: "insecure-skip-tls-verify: true"
      }
    let credential =
      switch credential {
      case .token(let token): "token: \(token.secret)"
      case .tokenFile(let path): "tokenFile: \(Self.quoted(path))"
      }
    return Array(
      """
      apiVersion: v1
      clusters:
      - cluster:
          \(trust)
          server: \(server)
        name: local
      contexts:
      - context:
          cluster: local
          user: istio-cni
        name: istio-cni-context
      current-context: istio-cni-context
      kind: Config
      users:
      - name: istio-cni
        user:
          \(credential)

      """.utf8)
  }

  private static func quoted(_ text: String) -> String {
    "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
  }
}
