import NIOCore
import NIOHTTP1

/// The whole of an answer, as far as anything reads it.
struct HTTPAnswer: Sendable {
  var status: HTTPResponseStatus
  var headers: HTTPHeaders
  var body: [UInt8] = []
}

/// Why no whole answer came, where NIO has no error of its own for it.
enum HTTPExchangeFault: Error {
  /// The deadline passed.
  case timedOut
  /// The connection ended before the answer did.
  case cut
  /// The body is longer than the limit, in bytes.
  case tooLong(limit: Int)
}

/// Sends one request as soon as the connection is up, collects its answer, and closes.
final class HTTPExchange: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  /// A pod of etcd's default limit (1.5 MiB) fits several times.
  private static let bodyLimit = 8 << 20

  private let request: HTTPRequestHead
  private let answer: EventLoopPromise<HTTPAnswer>
  private var partial: HTTPAnswer?

  init(_ request: HTTPRequestHead, answer: EventLoopPromise<HTTPAnswer>) {
    self.request = request
    self.answer = answer
  }

  func channelActive(context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(.head(request)), promise: nil)
    // A request that cannot be written has no answer to wait for.
    context.writeAndFlush(wrapOutboundOut(.end(nil))).cascadeFailure(to: answer)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      partial = HTTPAnswer(status: head.status, headers: head.headers)
    case .body(let bytes):
      partial?.body.append(contentsOf: bytes.readableBytesView)
      if let count = partial?.body.count, count > Self.bodyLimit {
        finish(context, .failure(HTTPExchangeFault.tooLong(limit: Self.bodyLimit)))
      }
    case .end:
      if let partial { finish(context, .success(partial)) }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    finish(context, .failure(error))
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish(context, .failure(HTTPExchangeFault.cut))
  }

  /// Only the first outcome counts: a promise ignores the later ones.
  private func finish(_ context: ChannelHandlerContext, _ outcome: Result<HTTPAnswer, any Error>) {
    partial = nil
    answer.completeWith(outcome)
    context.close(promise: nil)
  }
}
