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
  private var body: [UInt8] = []
  private var watch: FakeWatch?

  init(_ state: FakeAPIServerState) {
    self.state = state
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body = []
    case .body(let part): body += part.readableBytesView
    case .end: if let head { answer(head, context) }
    }
  }

  func channelActive(context: ChannelHandlerContext) {
    state.countConnection()
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    if let watch { state.close(watch) }
  }

  /// A client that goes away, or does not trust the certificate, is no failure of the server.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let headers = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 })
    let request = FakeAPIServer.Request(
      method: head.method.rawValue, path: head.uri, userAgent: headers["user-agent"] ?? "", headers: headers,
      body: body)
    let authorization = headers["authorization"]
    switch state.record(request) {
    case .normal:
      reply(state.reply(to: request, authorization: authorization), context)
    case .slow(let delay):
      context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
        self.reply(self.state.reply(to: request, authorization: authorization), context)
      }
    case .status(let code, let seconds):
      // Only what is made can be there already.
      let reason = code == 409 && head.method != .POST ? "Conflict" : nil
      var answer = FakeAPIServerAnswer.status(code, head.uri, reason: reason)
      if let seconds { answer.extraHeaders.append(("Retry-After", String(seconds))) }
      send(answer, context)
    case .reset:
      context.channel.reset()
    case .truncated:
      reply(state.reply(to: request, authorization: authorization), context, truncates: true)
    case .html200:
      send(.page(status: 200), context)
    case .html(let status):
      send(.page(status: status), context)
    case .redirect(let location):
      var answer = FakeAPIServerAnswer.status(307, head.uri)
      answer.extraHeaders.append(("Location", location))
      send(answer, context)
    case .unauthorizedUntilTokenIs(let token):
      reply(state.reply(to: request, authorization: authorization, expectedToken: token), context)
    }
  }

  private func reply(
    _ reply: FakeAPIServerState.Reply, _ context: ChannelHandlerContext, truncates: Bool = false
  ) {
    switch reply {
    case .answer(let answer):
      if truncates { truncate(answer, context) } else { send(answer, context) }
    case .watch(let path, let fields):
      let watch = FakeWatch(path, fields: fields, on: context.channel, truncates: truncates)
      self.watch = watch
      state.open(watch, from: path)
      if let seconds = path.query["timeoutSeconds"].flatMap({ Int64($0) }) {
        context.eventLoop.scheduleTask(in: .seconds(seconds)) { [state] in
          state.close(watch)
          watch.end()
        }
      }
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
      context.channel.hangUp()
    }
  }
}
