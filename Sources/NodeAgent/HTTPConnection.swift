import NIOCore
import NIOHTTP1

/// Answers the requests of one client.
final class HTTPConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let routes: HTTPEndpoint.Routes
  private let limits: HTTPConnectionLimits
  private var head: HTTPRequestHead?

  init(_ routes: HTTPEndpoint.Routes, limits: HTTPConnectionLimits) {
    self.routes = routes
    self.limits = limits
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end: if let head { answer(head, context) }
    }
  }

  /// What is no HTTP has been answered with 400 by then.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func answer(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let reply = reply(to: request)
    let isKeptAlive = request.isKeepAlive
    var headers: HTTPHeaders = [
      "Content-Type": reply.contentType, "Content-Length": String(reply.body.utf8.count),
      "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache, private",
    ]
    if reply.status == 405 { headers.add(name: "Allow", value: "GET, HEAD") }
    if !isKeptAlive { headers.add(name: "Connection", value: "close") }
    let head = HTTPResponseHead(
      version: request.version, status: HTTPResponseStatus(statusCode: reply.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if request.method != .HEAD {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: reply.body)))), promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { [limits] _ in
      if isKeptAlive { limits.awaitNextRequest(context.eventLoop) } else { context.close(promise: nil) }
    }
  }

  private func reply(to request: HTTPRequestHead) -> HTTPReply {
    let parts = request.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = parts.first, let route = routes[String(path)] else {
      return HTTPReply(status: 404, "there are: \(routes.keys.sorted().joined(separator: " "))\n")
    }
    guard request.method == .GET || request.method == .HEAD else {
      return HTTPReply(status: 405, "only GET and HEAD are answered\n")
    }
    return route(HTTPQuery(parts.count > 1 ? parts[1] : ""))
  }
}

/// Ends connections that take more than their share of time or memory. Stands before everything else.
final class HTTPConnectionLimits: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let pace: HTTPEndpoint.Limits
  private var byteCount = 0
  private var isBetweenRequests = false
  private var deadline: Scheduled<Void>?
  /// Closes the connection.
  private var close: (@Sendable () -> Void)?

  init(_ limits: HTTPEndpoint.Limits) {
    pace = limits
  }

  func channelActive(context: ChannelHandlerContext) {
    let channel = context.channel
    close = { channel.close(promise: nil) }
    limit(to: pace.request, context.eventLoop)
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if isBetweenRequests {
      isBetweenRequests = false
      limit(to: pace.request, context.eventLoop)
    }
    byteCount += unwrapInboundIn(data).readableBytes
    guard byteCount <= pace.requestSize else {
      let reply = "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: reply)), promise: nil)
      context.close(promise: nil)
      return
    }
    context.fireChannelRead(data)
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    close = nil
    context.fireChannelInactive()
  }

  /// Called when an answer has gone out.
  func awaitNextRequest(_ eventLoop: any EventLoop) {
    byteCount = 0
    isBetweenRequests = true
    limit(to: pace.idle, eventLoop)
  }

  private func limit(to time: Duration, _ eventLoop: any EventLoop) {
    deadline?.cancel()
    guard let close else { return }
    deadline = eventLoop.scheduleTask(in: TimeAmount(time), close)
  }
}
