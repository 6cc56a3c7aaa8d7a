import NIOCore
import NIOHTTP1
import NIOSSL
import System
import SystemPackage

/// What an error of NIO or BoringSSL says about the connection to an API server.
package enum ConnectionFault: Sendable, Equatable {
  /// It was refused, reset, cut, or never came about, in the words of an error's cause.
  case broken(String)
  /// The server's certificate is for other names and addresses.
  case otherName
  /// The server's certificate has expired, or the trusted authority did not sign it.
  case unverified
  /// TLS came to nothing for another reason.
  case handshake(String)
  /// What the server sent is not HTTP.
  case notHTTP(String)

  /// How ``broken(_:)`` calls a connection that ended too soon.
  package static let cut = "connection cut before the answer was complete"

  package init(_ error: any Error) {
    switch error {
    case let error as IOError:
      let errno = Errno(rawValue: error.errnoCode)
      self = .broken("connection failed: \(errno.name) (\(errno.rawValue))")
    case ChannelError.connectTimeout(let limit):
      self = .broken("no connection within \(limit.nanoseconds / 1_000_000) ms")
    case NIOSSLError.uncleanShutdown, HTTPParserError.invalidEOFState, is ChannelError:
      self = .broken(Self.cut)
    case is HTTPParserError:
      self = .notHTTP("\(error)")
    case NIOSSLError.handshakeFailed(.sslError(let stack)) where stack.contains(.eofDuringHandshake):
      self = .broken("connection cut during the TLS handshake")
    case NIOSSLError.handshakeFailed(.sslError(let stack)):
      // BoringSSL's reason is only in the text of NIO's error.
      let isVerification = stack.contains { $0.description.contains("CERTIFICATE_VERIFY_FAILED") }
      self = isVerification ? .unverified : .handshake("\(stack)")
    case let error as NIOSSLExtraError where error == .failedToValidateHostname:
      self = .otherName
    default:
      self = .broken("connection failed: \(error)")
    }
  }
}
