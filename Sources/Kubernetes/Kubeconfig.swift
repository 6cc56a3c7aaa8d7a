import JSON
import System

/// How to reach the API server, as the current context of a kubeconfig says.
///
/// Only what a node's plugin needs: a numeric address and a bearer token. Names are not resolved, programs not run and
/// client certificates not offered; a kubeconfig that asks for any of it is refused.
package struct Kubeconfig: Sendable, Equatable {
  /// Which certificates the server may show.
  package enum Trust: Sendable, Equatable {
    /// Those that one of these PEM certificates signed.
    case authority([UInt8])
    /// The same, from a file that is read for each fetch.
    case authorityFile(String)
    /// Any: `insecure-skip-tls-verify`.
    case anything
  }

  /// Where the token comes from.
  package enum Credential: Sendable, Equatable {
    case token(BearerToken)
    /// A file that is read for each attempt, since the kubelet replaces it.
    case tokenFile(String)
  }

  /// The file this was read from, for error texts and for reading it again.
  package let path: String
  package let server: APIServerAddress
  package let trust: Trust
  /// A name to accept in the certificate, and to ask for by SNI. The address is accepted all the same: NIO checks for
  /// either.
  package let tlsServerName: String?
  package let credential: Credential

  /// 1 MiB: a kubeconfig with a bundle of a hundred certificates is a fifth of it.
  private static let sizeLimit = 1 << 20

  /// Reads the kubeconfig at `path`.
  ///
  /// - Throws: `unreadableFile` if there is none, `invalidKubeconfig` if it cannot be used.
  package init(path: String) throws(KubernetesError) {
    let text: [UInt8]
    do throws(SystemError) {
      text = try readFile(path, limit: Self.sizeLimit)
    } catch {
      throw KubernetesError(
        .unreadableFile, .readKubeconfig, path, cause: "\(error)", retryHelps: true,
        advice: "the istio-cni-node pod on this node writes it; check that it runs")
    }
    try self.init(text, path: path)
  }

  /// Reads a kubeconfig's text: JSON if it begins with a brace, otherwise YAML.
  ///
  /// - Parameter path: where it comes from; files it names are relative to that folder.
  /// - Throws: `invalidKubeconfig`.
  package init(_ text: [UInt8], path: String) throws(KubernetesError) {
    do throws(KubeconfigFault) {
      let root = try KubeconfigSection(documentOf: text)
      let contextName = try root.requiredString("current-context")
      let context = try root.entry(named: contextName, of: "contexts", holding: "context")
      let cluster = try root.entry(
        named: try context.requiredString("cluster"), of: "clusters", holding: "cluster")
      let user = try root.entry(named: try context.requiredString("user"), of: "users", holding: "user")

      let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
      server = try Self.server(of: cluster)
      trust = try Self.trust(of: cluster, folder: folder)
      tlsServerName = try Self.tlsServerName(of: cluster)
      credential = try Self.credential(of: user, folder: folder)
      self.path = path
    } catch {
      throw KubernetesError(
        .invalidKubeconfig, .readKubeconfig, path, cause: error.problem, retryHelps: false, advice: error.advice)
    }
  }

  // MARK: Cluster

  private static func server(of cluster: KubeconfigSection) throws(KubeconfigFault) -> APIServerAddress {
    try cluster.refuse(["proxy-url"])
    let url = try cluster.requiredString("server")
    do throws(APIServerAddress.Fault) {
      return try APIServerAddress(url: url)
    } catch {
      throw KubeconfigFault("\(cluster.path).server \(error.problem)", advice: error.advice)
    }
  }

  private static func trust(of cluster: KubeconfigSection, folder: String) throws(KubeconfigFault) -> Trust {
    let skipsVerification = try cluster.bool("insecure-skip-tls-verify") ?? false
    if let encoded = try cluster.string("certificate-authority-data") {
      try refuseBoth(skipsVerification, cluster)
      guard let pem = Base64.decode(encoded), !pem.isEmpty else {
        throw KubeconfigFault("\(cluster.path).certificate-authority-data is not base64")
      }
      return .authority(pem)
    }
    if let file = try cluster.string("certificate-authority") {
      try refuseBoth(skipsVerification, cluster)
      return .authorityFile(file.hasPrefix("/") ? file : folder + file)
    }
    guard skipsVerification else {
      throw KubeconfigFault(
        "\(cluster.path) has no certificate-authority-data",
        advice: "the node's own certificates are not used; put the cluster's authority into the kubeconfig")
    }
    return .anything
  }

  /// As Kubernetes' own clients: whoever names an authority and skips its use has made a mistake.
  private static func refuseBoth(_ skipsVerification: Bool, _ cluster: KubeconfigSection) throws(KubeconfigFault) {
    if skipsVerification {
      throw KubeconfigFault("\(cluster.path) has both a certificate authority and insecure-skip-tls-verify")
    }
  }

  private static func tlsServerName(of cluster: KubeconfigSection) throws(KubeconfigFault) -> String? {
    guard let name = try cluster.string("tls-server-name") else { return nil }
    guard ObjectName.isSubdomain(name), name.contains(where: { !$0.isNumber && $0 != "." }) else {
      throw KubeconfigFault("\(cluster.path).tls-server-name is not a DNS name")
    }
    return name
  }

  // MARK: User

  private static func credential(of user: KubeconfigSection, folder: String) throws(KubeconfigFault) -> Credential {
    try user.refuse([
      "client-certificate", "client-certificate-data", "client-key", "client-key-data", "username", "password", "exec",
      "auth-provider", "as", "as-uid", "as-groups", "as-user-extra",
    ])
    // As in Kubernetes' own clients, the file wins: it is the one that gets renewed.
    if let file = try user.string("tokenFile") {
      return .tokenFile(file.hasPrefix("/") ? file : folder + file)
    }
    guard let text = try user.string("token") else {
      throw KubeconfigFault("\(user.path) has neither token nor tokenFile")
    }
    guard let token = BearerToken(text) else {
      throw KubeconfigFault("\(user.path).token is empty or holds characters that no token has")
    }
    return .token(token)
  }
}

/// Why a kubeconfig cannot be used.
struct KubeconfigFault: Error {
  let problem: String
  let advice: String

  init(
    _ problem: String, advice: String = "the istio-cni-node pod on this node writes this file; see its log"
  ) {
    self.problem = problem
    self.advice = advice
  }
}
