import Glibc
package import Kubernetes
package import NIOCore
import NIOPosix
import System

/// Answers the plugin's questions about pods, on a socket in the folder that both share.
///
/// Source: ``PodQuestion``.
package final class PodSocket: SocketService {
  /// Says what is known of a pod: the bytes of a ``PodAnswer``.
  package typealias Lookup = @Sendable (PodQuestion) async -> [UInt8]
  /// The same, for what is known at once: nil takes a lookup.
  package typealias Memory = @Sendable (PodQuestion) -> [UInt8]?

  private let path: String
  private let listener: any Channel

  /// Begins to serve.
  ///
  /// - Parameters:
  ///   - path: of the socket; one that a former agent left is replaced.
  ///   - memory: is asked first, on the event loop: the answer is on its way before another thread would wake up.
  ///   - lookup: is called for each question that is left, several at a time.
  /// - Throws: what keeps the socket from being made.
  package init(
    at path: String, on group: any EventLoopGroup, memory: @escaping Memory = { _ in nil }, lookup: @escaping Lookup
  ) async throws {
    self.path = path
    try removeFile(path)
    // On one loop, connections and all: to hand them over would wake up another thread for each.
    listener = try await ServerBootstrap(group: group.next())
      .serverChannelOption(.backlog, value: 1024)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(PodSocketConnection(memory, lookup))
        }
      }
      .bind(unixDomainSocketPath: path).get()
    do throws(SystemError) {
      try setMode(0o600, of: path)
    } catch {
      try await listener.close()
      throw error
    }
  }

  /// Ends the service and removes the socket.
  package func close() async throws {
    try await listener.close()
    try removeFile(path)
  }
}

/// One question of one plugin.
private final class PodSocketConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let memory: PodSocket.Memory
  private let lookup: PodSocket.Lookup
  private var line: [UInt8] = []
  private var hasAsked = false

  init(_ memory: @escaping PodSocket.Memory, _ lookup: @escaping PodSocket.Lookup) {
    self.memory = memory
    self.lookup = lookup
  }

  /// The socket's mode lets nobody else in; this is for the day on which its folder is not what it should be.
  func channelActive(context: ChannelHandlerContext) {
    guard let socket = context.channel as? any SocketOptionProvider else { return context.close(promise: nil) }
    let peer: EventLoopFuture<PeerCredentials> = socket.unsafeGetSocketOption(
      level: .socket, name: .init(rawValue: SO_PEERCRED))
    peer.assumeIsolated().whenComplete { result in
      if case .success(let peer) = result, peer.user == 0 || peer.user == geteuid() { return }
      context.close(promise: nil)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if hasAsked { return }
    line += unwrapInboundIn(data).readableBytesView
    guard let end = line.firstIndex(of: UInt8(ascii: "\n")) else {
      if line.count > PodQuestion.sizeLimit { context.close(promise: nil) }
      return
    }
    hasAsked = true
    guard let question = PodQuestion(line: Array(line[..<end])) else {
      return send(PodAnswer.bytes(reason: "the agent does not understand the question"), context)
    }
    if let answer = memory(question) { return send(answer, context) }
    let answer = context.eventLoop.makePromise(of: [UInt8].self)
    let lookup = lookup
    answer.completeWithTask { await lookup(question) }
    answer.futureResult.assumeIsolated().whenSuccess { self.send($0, context) }
  }

  /// A plugin that was killed, or has waited long enough.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func send(_ answer: [UInt8], _ context: ChannelHandlerContext) {
    let buffer = ByteBuffer(bytes: answer)
    context.writeAndFlush(wrapOutboundOut(buffer)).assumeIsolated().whenComplete { _ in context.close(promise: nil) }
  }
}

/// `struct ucred`.
private struct PeerCredentials {
  var process: pid_t = 0
  var user: uid_t = 0
  var group: gid_t = 0
}
