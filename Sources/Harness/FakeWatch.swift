import JSON
import NIOCore
import NIOHTTP1
import Synchronization

/// One client's open watch: an answer that does not end, a line an event.
final class FakeWatch: Sendable {
  let selection: FakeAPISelection
  let wantsBookmarks: Bool
  private let channel: any Channel
  /// Whether the next event is sent by half, and the connection reset.
  private let truncates: Bool
  private let isOver = Mutex(false)

  init(_ path: FakeAPIPath, fields: [(key: String, value: String)], on channel: any Channel, truncates: Bool) {
    selection = FakeAPISelection(
      apiVersion: path.apiVersion, plural: path.plural, namespace: path.namespace, fields: fields)
    wantsBookmarks = path.query["allowWatchBookmarks"] == "true"
    self.channel = channel
    self.truncates = truncates
  }

  /// Sends the head of the answer. The first of all calls.
  func begin() {
    let headers: HTTPHeaders = [
      "Cache-Control": "no-cache, private", "Content-Type": "application/json", "Transfer-Encoding": "chunked",
    ]
    write(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)))
  }

  func send(_ event: JSONValue) {
    let line = event.serialized() + [UInt8(ascii: "\n")]
    guard truncates else { return write(.body(.byteBuffer(ByteBuffer(bytes: line)))) }
    write(.body(.byteBuffer(ByteBuffer(bytes: line.prefix(line.count / 2)))))
    cut()
  }

  /// Ends the answer in good order.
  func end() {
    let wasOver = isOver.withLock { isOver in
      defer { isOver = true }
      return isOver
    }
    if !wasOver { write(.end(nil)) }
  }

  /// Resets the connection.
  func cut() {
    let channel = channel
    channel.eventLoop.execute { channel.reset() }
  }

  /// Later, on the connection's own thread: whoever calls may hold the server's lock, or be on that very thread.
  private func write(_ part: HTTPServerResponsePart) {
    let channel = channel
    channel.eventLoop.execute { channel.writeAndFlush(part, promise: nil) }
  }
}
