import NIOCore
import NIOHTTP1
import NIOPosix
import System

/// Takes what Istio's plugin has to say, over HTTP on a socket in the folder that agent and plugin share: the plugin of
/// the release before may still run on a node where this agent has taken over.
///
/// Source: Istio's `POST /log` with a list of lines, which is always answered with 200: the plugin cannot do anything
/// about a line that is not taken.
final class LogSocket: SocketService {
  /// Bytes of one request. The plugin sends the lines of one invocation.
  static let bodyLimit = 1 << 20

  private let path: String
  private let listener: any Channel

  /// Begins to serve.
  ///
  /// - Parameters:
  ///   - path: of the socket; one that a former agent left is replaced.
  ///   - take: gets the body of each request; nil for one that was too long.
  /// - Throws: what keeps the socket from being made.
  init(
    at path: String, on group: any EventLoopGroup, take: @escaping @Sendable ([UInt8]?) -> Void
  ) async throws {
    self.path = path
    try removeFile(path)
    var limits = HTTPEndpoint.Limits()
    // The body has its own limit, beyond which it is passed over without an end of the connection.
    limits.requestSize = 16 * Self.bodyLimit
    listener = try await ServerBootstrap(group: group)
      .childChannelInitializer { [limits] channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          let connectionLimits = HTTPConnectionLimits(limits)
          try pipeline.addHandler(connectionLimits)
          try pipeline.configureHTTPServerPipeline()
          try pipeline.addHandler(LogConnection(limits: connectionLimits, take: take))
        }
      }
      .bind(unixDomainSocketPath: path).get()
    do throws(SystemError) {
      // Istio's has 0666; runtimes start plugins as root, and nobody else has anything to say here.
      try setMode(0o600, of: path)
    } catch {
      try await listener.close()
      throw error
    }
  }

  /// Ends the service and removes the socket.
  func close() async throws {
    try await listener.close()
    try removeFile(path)
  }
}

/// The requests of one plugin.
private final class LogConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let limits: HTTPConnectionLimits
  private let take: @Sendable ([UInt8]?) -> Void
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []
  private var isTooLong = false

  init(limits: HTTPConnectionLimits, take: @escaping @Sendable ([UInt8]?) -> Void) {
    self.limits = limits
    self.take = take
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body = []
      isTooLong = false
    case .body(let part):
      isTooLong = isTooLong || body.count + part.readableBytes > LogSocket.bodyLimit
      if isTooLong { body = [] } else { body += part.readableBytesView }
    case .end:
      if let head { answer(head, context) }
      body = []
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func answer(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let isLog = request.method == .POST && request.uri == "/log"
    if isLog { take(isTooLong ? nil : body) }
    let isKeptAlive = request.isKeepAlive
    var headers: HTTPHeaders = ["Content-Length": "0"]
    if !isKeptAlive { headers.add(name: "Connection", value: "close") }
    let head = HTTPResponseHead(version: request.version, status: isLog ? .ok : .notFound, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { [limits] _ in
      if isKeptAlive { limits.awaitNextRequest(context.eventLoop) } else { context.close(promise: nil) }
    }
  }
}
