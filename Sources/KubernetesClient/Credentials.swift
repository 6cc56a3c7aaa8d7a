import Kubernetes
import NIOSSL
import Synchronization
import System

/// What a request has to carry, read from its files again whenever those have changed.
final class Credentials: Sendable {
  /// A ServiceAccount's token has about 1 KiB.
  private static let tokenSizeLimit = 64 << 10
  private static let authoritySizeLimit = 1 << 20

  private struct Contents {
    var token: (value: BearerToken, file: FileIdentity)?
    var tls: (value: TLSConfiguration, file: FileIdentity?)?
  }

  private let access: ClusterAccess
  private let contents = Mutex(Contents())

  init(_ access: ClusterAccess) {
    self.access = access
  }

  /// The token to present now.
  ///
  /// - Parameter isRefused: whether the one presented before was not accepted, so that the file's times do not matter.
  /// - Throws: `unreadableFile` if there has never been one to read.
  func token(isRefused: Bool = false) throws(APIError) -> BearerToken {
    try contents.withLock { (contents) throws(APIError) in
      do throws(SystemError) {
        let identity = try FileIdentity(of: access.tokenFile)
        if let known = contents.token, known.file == identity, !isRefused { return known.value }
        let text = String(decoding: try readFile(access.tokenFile, limit: Self.tokenSizeLimit), as: UTF8.self)
        if let token = BearerToken(text) {
          contents.token = (token, identity)
          return token
        }
      } catch {
        // A file that cannot be read for a moment does not make the token that it held worse.
        if let known = contents.token { return known.value }
        throw unreadable(.readToken, access.tokenFile, "\(error)")
      }
      if let known = contents.token { return known.value }
      throw unreadable(.readToken, access.tokenFile, "it is empty or holds characters that no token has")
    }
  }

  /// Whom a connection made now has to trust.
  ///
  /// - Throws: `unreadableFile` if there has never been an authority to read.
  func tls() throws(APIError) -> TLSConfiguration {
    try contents.withLock { (contents) throws(APIError) in
      guard case .authority(let file) = access.trust else {
        if let known = contents.tls { return known.value }
        let tls = Self.tls(trusting: nil)
        contents.tls = (tls, nil)
        return tls
      }
      do {
        let identity = try FileIdentity(of: file)
        if let known = contents.tls, known.file == identity { return known.value }
        let pem = try readFile(file, limit: Self.authoritySizeLimit)
        let certificates = try NIOSSLCertificate.fromPEMBytes(pem)
        let tls = Self.tls(trusting: certificates)
        contents.tls = (tls, identity)
        return tls
      } catch {
        if let known = contents.tls { return known.value }
        throw unreadable(.readAuthority, file, error is SystemError ? "\(error)" : "it holds no certificate in PEM")
      }
    }
  }

  private static func tls(trusting certificates: [NIOSSLCertificate]?) -> TLSConfiguration {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    // Named even when nothing is verified: without them NIO loads the machine's own certificates.
    configuration.trustRoots = .certificates(certificates ?? [])
    if certificates == nil { configuration.certificateVerification = .none }
    return configuration
  }

  private func unreadable(_ operation: APIError.Operation, _ file: String, _ cause: String) -> APIError {
    APIError(
      .unreadableFile, operation, file, cause: cause, retryHelps: true,
      advice: "kubelet writes it for the pod's ServiceAccount; check automountServiceAccountToken and the path")
  }
}
