import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One client's connection.
final class FakeAPIServerConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let state: FakeAPIServerState
  private var head: HTTPRequestHead?

  init(_ state: FakeAPIServerState) {
    self.state = state
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end: if let head { answer(head, context) }
    }
  }

  /// A client that goes away, or does not trust the certificate, is no failure of the server.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let headers = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 })
    let request = FakeAPIServer.Request(
      method: head.method.rawValue, path: head.uri, userAgent: headers["user-agent"] ?? "", headers: headers)
    let authorization = headers["authorization"]
    switch state.record(request) {
    case .normal:
      send(state.answer(to: request, authorization: authorization), context)
    case .slow(let delay):
      let answer = state.answer(to: request, authorization: authorization)
      context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) { self.send(answer, context) }
    case .status(let code, let seconds):
      var answer = FakeAPIServerAnswer.status(code, head.uri)
      if let seconds { answer.extraHeaders.append(("Retry-After", String(seconds))) }
      send(answer, context)
    case .reset:
      reset(context)
    case .truncated:
      truncate(state.answer(to: request, authorization: authorization), context)
    case .html200:
      send(.page(), context)
    case .redirect(let location):
      var answer = FakeAPIServerAnswer.status(307, head.uri)
      answer.extraHeaders.append(("Location", location))
      send(answer, context)
    case .unauthorizedUntilTokenIs(let token):
      send(state.answer(to: request, authorization: authorization, expectedToken: token), context)
    }
  }

  private func send(_ answer: FakeAPIServerAnswer, _ context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(.head(answer.head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
    let isKeptAlive = head?.isKeepAlive ?? false
    context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
      if !isKeptAlive { context.close(promise: nil) }
    }
  }

  private func truncate(_ answer: FakeAPIServerAnswer, _ context: ChannelHandlerContext) {
    let half = ByteBuffer(bytes: answer.body.prefix(answer.body.count / 2))
    context.write(wrapOutboundOut(.head(answer.head)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(half)))).assumeIsolated().whenComplete { _ in
      self.hangUp(context)
    }
  }

  /// Makes the kernel answer with RST: the socket has nothing more to send and does not linger.
  private func reset(_ context: ChannelHandlerContext) {
    if let socket = context.channel as? any SocketOptionProvider {
      socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenComplete { _ in self.hangUp(context) }
    }
  }

  /// Closes the connection under TLS, without its farewell.
  private func hangUp(_ context: ChannelHandlerContext) {
    do {
      let tls = try context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
      tls.close(promise: nil)
    } catch {
      // The connection is gone, and its pipeline with it.
      context.close(promise: nil)
    }
  }
}
