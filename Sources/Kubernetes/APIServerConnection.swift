import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import System

/// Everything that stays the same from attempt to attempt: where to connect, whom to trust, what to ask.
struct APIServerConnection {
  let server: APIServerAddress
  private let context: NIOSSLContext
  private let tlsServerName: String?

  /// A service address leads to one API server of several, and connecting again may lead to a living one.
  private static let connectTimeout = TimeAmount.seconds(2)

  /// - Throws: `unreadableFile` or `invalidKubeconfig` if the authority's certificates cannot be read.
  init(_ kubeconfig: Kubeconfig) throws(KubernetesError) {
    server = kubeconfig.server
    tlsServerName = kubeconfig.tlsServerName

    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    // Named even when nothing is verified: without them NIO loads the node's own certificates.
    configuration.trustRoots = .certificates([])
    if let pem = try kubeconfig.authorityCertificates() {
      do {
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(pem))
      } catch {
        throw KubernetesError(
          .invalidKubeconfig, .readKubeconfig, kubeconfig.path, cause: "the certificate authority is not PEM",
          retryHelps: false, advice: "the istio-cni-node pod on this node writes this file; see its log")
      }
    } else {
      configuration.certificateVerification = .none
    }
    do {
      context = try NIOSSLContext(configuration: configuration)
    } catch {
      throw KubernetesError(
        .invalidKubeconfig, .readKubeconfig, kubeconfig.path, cause: "BoringSSL refuses the TLS settings: \(error)",
        retryHelps: false, advice: "check the certificate authority")
    }
  }

  /// Sends a GET for `path` and waits for the whole answer. Blocks the calling thread.
  ///
  /// - Throws: errors of NIO, NIOSSL and the HTTP parser, or an ``HTTPExchangeFault``.
  func get(
    _ path: String, headers: HTTPHeaders, on loop: any EventLoop, within timeout: TimeAmount
  ) throws -> HTTPAnswer {
    var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: server.pathPrefix + path, headers: headers)
    head.headers.replaceOrAdd(name: "Host", value: server.authority)
    head.headers.replaceOrAdd(name: "Connection", value: "close")

    let request = head
    let answer = loop.makePromise(of: HTTPAnswer.self)
    let connecting = ClientBootstrap(group: loop)
      .connectTimeout(min(timeout, Self.connectTimeout))
      .channelInitializer { [context, tlsServerName] channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          // Without a name, the certificate is checked for the address that the connection leads to.
          try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: tlsServerName))
          try pipeline.addHTTPClientHandlers()
          try pipeline.addHandler(HTTPExchange(request, answer: answer))
        }
      }
      .connect(to: server.socketAddress)
    connecting.cascadeFailure(to: answer)

    let alarm = loop.scheduleTask(in: timeout) { answer.fail(HTTPExchangeFault.timedOut) }
    answer.futureResult.whenComplete { _ in
      alarm.cancel()
      connecting.whenSuccess { $0.close(promise: nil) }
    }
    return try answer.futureResult.wait()
  }
}

extension Kubeconfig {
  /// 1 MiB, as for the kubeconfig that could carry the same certificates.
  private static let authoritySizeLimit = 1 << 20
  /// A ServiceAccount's token has about 1 KiB.
  private static let tokenSizeLimit = 64 << 10

  /// The certificates to trust, in PEM; nil if anything is trusted.
  func authorityCertificates() throws(KubernetesError) -> [UInt8]? {
    switch trust {
    case .authority(let pem): return pem
    case .anything: return nil
    case .authorityFile(let file):
      do throws(SystemError) {
        return try readFile(file, limit: Self.authoritySizeLimit)
      } catch {
        throw KubernetesError(
          .unreadableFile, .readKubeconfig, path, cause: "certificate-authority: \(error)", retryHelps: true,
          advice: "check that the file exists on the node")
      }
    }
  }

  /// The token to present now.
  func currentToken() throws(KubernetesError) -> BearerToken {
    switch credential {
    case .token(let token): return token
    case .tokenFile(let file):
      let text: [UInt8]
      do throws(SystemError) {
        text = try readFile(file, limit: Self.tokenSizeLimit)
      } catch {
        throw KubernetesError(
          .unreadableFile, .readToken, file, cause: "\(error)", retryHelps: true,
          advice: "check that the file exists on the node")
      }
      guard let token = BearerToken(String(decoding: text, as: UTF8.self)) else {
        throw KubernetesError(
          .unreadableFile, .readToken, file, cause: "it is empty or holds characters that no token has",
          retryHelps: true, advice: "check what writes the file")
      }
      return token
    }
  }
}
