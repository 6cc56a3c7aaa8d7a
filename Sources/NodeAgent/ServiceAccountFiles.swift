package import Kubernetes
import System

/// The files by which a pod shows the API server who it is, as kubelet keeps them.
package struct ServiceAccountFiles: Sendable {
  package let folder: String

  package init(folder: String) {
    self.folder = folder
  }

  package var tokenPath: String { "\(folder)/token" }

  /// The token of now: kubelet replaces it when four fifths of its time are over.
  package func token() throws(ServiceAccountFault) -> BearerToken {
    let bytes = try read(
      tokenPath, limit: 64 << 10, what: "the ServiceAccount's token",
      remedy: "mount it at SERVICE_ACCOUNT_DIR; automountServiceAccountToken must not be false")
    guard let token = BearerToken(String(decoding: bytes, as: UTF8.self)) else {
      throw ServiceAccountFault(
        problem: "the ServiceAccount's token in \(tokenPath) is empty, or has characters that no token has",
        remedy: "kubelet writes it; if it stays so, see kubelet's log")
    }
    return token
  }

  /// The certificates in `path`, as PEM.
  package func authority(_ path: String) throws(ServiceAccountFault) -> [UInt8] {
    let bytes = try read(
      path, limit: 512 << 10, what: "the API server's certificate authority",
      remedy: "set KUBE_CA_FILE to a file of PEM certificates, or SKIP_TLS_VERIFY to true")
    guard String(decoding: bytes, as: UTF8.self).contains("-----BEGIN CERTIFICATE-----") else {
      throw ServiceAccountFault(
        problem: "the API server's certificate authority in \(path) has no PEM certificate",
        remedy: "set KUBE_CA_FILE to a file of PEM certificates, or SKIP_TLS_VERIFY to true")
    }
    return bytes
  }

  /// The pod's namespace.
  package func namespace() throws(ServiceAccountFault) -> String {
    let path = "\(folder)/namespace"
    let remedy = "set POD_NAMESPACE"
    let bytes = try read(path, limit: 1 << 10, what: "the agent's namespace", remedy: remedy)
    let name = String(decoding: bytes, as: UTF8.self).trimmed
    guard !name.isEmpty else {
      throw ServiceAccountFault(problem: "the agent's namespace in \(path) is empty", remedy: remedy)
    }
    return name
  }

  private func read(
    _ path: String, limit: Int, what: String, remedy: String
  ) throws(ServiceAccountFault) -> [UInt8] {
    do throws(SystemError) {
      return try readFile(path, limit: limit)
    } catch {
      throw ServiceAccountFault(problem: "cannot read \(what): \(error)", remedy: remedy)
    }
  }
}

/// A file of the ServiceAccount that cannot be used, why, and what to do. Never holds what the file holds.
package struct ServiceAccountFault: Error, Sendable, Equatable {
  package let problem: String
  package let remedy: String
}

extension ServiceAccountFault: CustomStringConvertible {
  package var description: String { "\(problem); \(remedy)" }
}
