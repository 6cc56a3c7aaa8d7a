import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import System
package import SystemPackage

/// A port that could not be had.
package struct PortUnavailable: Error, Sendable, Equatable, CustomStringConvertible {
  package let port: Int
  /// The setting that names the port.
  package let setting: String
  /// What the kernel said.
  package let errno: Errno

  package var problem: String { "cannot listen on port \(port): \(errno.name) (\(errno.rawValue))" }
  package var remedy: String {
    if errno == .permissionDenied {
      return "a port below 1024 takes the capability NET_BIND_SERVICE; set \(setting) to a higher one"
    }
    return
      "stop what listens there (ss -ltnp shows it; on the node's network every pod with hostNetwork counts), or set "
      + "\(setting) to a free port"
  }
  package var description: String { "\(problem); \(remedy)" }
}

/// A port on which a few paths are answered over HTTP/1.1.
final class HTTPEndpoint: Sendable {
  typealias Routes = [String: @Sendable (HTTPQuery) -> HTTPReply]

  /// What one client may take.
  struct Limits: Sendable {
    /// From the first byte of a request until the last one of its answer has been taken.
    var request = Duration.seconds(10)
    /// Between requests.
    var idle = Duration.seconds(60)
    /// Bytes, with the headers. Prometheus and kubelet send a few hundred.
    var requestSize = 16 << 10
    /// More are closed at once.
    var connectionCount = 128
  }

  private let listener: any Channel

  /// Listens on every address of the node, of both families where there are both.
  ///
  /// - Parameters:
  ///   - port: 0 takes a free one.
  ///   - setting: the name of the setting that `port` comes from, for the error.
  init(
    port: Int, setting: String, routes: Routes, limits: Limits = Limits(), group: any EventLoopGroup
  ) throws(PortUnavailable) {
    let openCount = OpenCount()
    let bootstrap = ServerBootstrap(group: group)
      // Without it a restarted agent could not listen while connections of the one before are in TIME_WAIT.
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        guard openCount.increment(limit: limits.connectionCount) else { return channel.close() }
        channel.closeFuture.whenComplete { _ in openCount.decrement() }
        return channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          let connectionLimits = HTTPConnectionLimits(limits)
          try pipeline.addHandler(connectionLimits)
          try pipeline.configureHTTPServerPipeline()
          try pipeline.addHandler(HTTPConnection(routes, limits: connectionLimits))
        }
      }
    do {
      listener = try Self.bind(bootstrap, port: port)
    } catch {
      // All else that NIO throws is about the number.
      let errno = (error as? IOError)?.errno ?? .invalidArgument
      throw PortUnavailable(port: port, setting: setting, errno: errno)
    }
  }

  /// The number of the port.
  var port: Int { listener.localAddress?.port ?? 0 }

  private static func bind(_ bootstrap: ServerBootstrap, port: Int) throws -> any Channel {
    do {
      // The sysctl net.ipv6.bindv6only may say otherwise.
      let onlyIPv6 = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
      // Not as a host's name: the resolver knows no IPv6 while no interface but lo has an address of it.
      return try bootstrap.serverChannelOption(onlyIPv6, value: 0)
        .bind(to: SocketAddress(ipAddress: "::", port: port)).wait()
    } catch let error as IOError where [.addressFamilyNotSupported, .addressNotAvailable].contains(error.errno) {
      // A node without IPv6, or one where it is switched off.
      return try bootstrap.bind(to: SocketAddress(ipAddress: "0.0.0.0", port: port)).wait()
    }
  }
}

extension IOError {
  fileprivate var errno: Errno { Errno(rawValue: errnoCode) }
}

/// How many connections are open.
private final class OpenCount: Sendable {
  private let count = Mutex(0)

  func increment(limit: Int) -> Bool {
    count.withLock { count in
      guard count < limit else { return false }
      count += 1
      return true
    }
  }

  func decrement() {
    count.withLock { $0 -= 1 }
  }
}
