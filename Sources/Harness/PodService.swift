import CLinux
import Glibc
import Synchronization
package import System
import SystemPackage

/// Listeners in a pod under one owner, which answer every connection with one line: the service's name, the
/// destination that the client asked for, and the client.
///
/// A sidecar proxy, as far as the redirect is concerned, is such a service on 15001 and 15006 under uid 1337.
package final class PodService: Sendable {
  package let name: String
  private let loop: AnswerLoop
  private let thread: Mutex<pthread_t?>

  /// Opens the listeners and starts to answer.
  ///
  /// - Parameters:
  ///   - ports: Each is opened for IPv4 and for IPv6.
  ///   - owner: Of the sockets; the process stays what it is.
  package init(
    _ name: String, ports: [UInt16], owner: Owner, in namespace: borrowing NetworkNamespace
  ) throws(SystemError) {
    self.name = name
    let loop = try namespace.run { () throws(SystemError) in
      try becomeOnThisThread(user: owner.user, group: owner.group)
      return try AnswerLoop(name, endpoints: ports.flatMap { [Endpoint("0.0.0.0", $0), Endpoint("::", $0)] })
    }
    self.loop = loop
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<AnswerLoop>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(loop).toOpaque())
    guard code == 0 else { throw SystemError("pthread_create", name, Errno(rawValue: code)) }
    self.thread = Mutex(thread)
  }

  deinit { close() }

  /// Closes the listeners; returns when they are closed.
  package func close() {
    guard let thread = thread.withLock({ $0.take() }) else { return }
    loop.stop()
    pthread_join(thread, nil)
  }
}

/// The user and group that a pod's process runs as.
package struct Owner: Sendable, Hashable {
  package let user: UInt32
  package let group: UInt32

  package init(user: UInt32, group: UInt32) {
    self.user = user
    self.group = group
  }

  package static let root = Owner(user: 0, group: 0)
  package static let application = Owner(user: 1000, group: 1000)
  package static let proxy = Owner(user: 1337, group: 1337)
}

/// A listening socket, closed with its last owner.
private final class Listener: Sendable {
  let socket: OwnedDescriptor
  let isIPv6: Bool

  init(_ endpoint: Endpoint) throws(SystemError) {
    socket = try TCPSocket.listen(endpoint)
    isIPv6 = endpoint.isIPv6
  }
}

/// Accepts and answers until it is told to stop.
private final class AnswerLoop: Sendable {
  private let name: String
  private let listeners: [Listener]
  private let wakeUp: DescriptorPair

  init(_ name: String, endpoints: [Endpoint]) throws(SystemError) {
    self.name = name
    wakeUp = try OwnedDescriptor.pipe()
    var listeners: [Listener] = []
    for endpoint in endpoints { listeners.append(try Listener(endpoint)) }
    self.listeners = listeners
  }

  /// Makes `run` return.
  func stop() {
    // The other end is ours too, so the write cannot fail.
    try? wakeUp.writer.writeAll([0])
  }

  func run() {
    let descriptors = [wakeUp.reader.withRawValue { $0 }] + listeners.map { $0.socket.withRawValue { $0 } }
    var requests = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while true {
      guard poll(&requests, nfds_t(requests.count), -1) > 0 else { continue }
      if requests[0].revents != 0 { return }
      for (request, listener) in zip(requests.dropFirst(), listeners) where request.revents != 0 {
        answer(listener)
      }
    }
  }

  private func answer(_ listener: Listener) {
    let accepted = listener.socket.withRawValue { clinux_accept($0) }
    guard accepted >= 0 else { return }
    let connection = OwnedDescriptor(owning: accepted)
    let original = TCPSocket.originalDestination(connection, isIPv6: listener.isIPv6)
    let port = TCPSocket.localEndpoint(connection)?.port ?? 0
    let peer = TCPSocket.peerEndpoint(connection)
    let line = Answer(service: name, port: port, original: original, peer: peer).line
    // A client that went away needs no answer.
    try? connection.writeAll(Array(line.utf8))
  }
}

/// What a service says to whoever connects.
package struct Answer: Sendable, Equatable {
  package let service: String
  /// The port that the connection arrived at.
  package let port: UInt16
  /// The destination that the client asked for.
  package let original: Endpoint?
  package let peer: Endpoint?

  var line: String {
    [service, "\(port)", original?.line ?? "-", peer?.line ?? "-"].joined(separator: " ") + "\n"
  }

  init(service: String, port: UInt16, original: Endpoint?, peer: Endpoint?) {
    self.service = service
    self.port = port
    self.original = original
    self.peer = peer
  }

  init?(line: String) {
    let words = line.split(whereSeparator: \.isWhitespace).map { String($0) }
    guard words.count == 4, let port = UInt16(words[1]) else { return nil }
    self.init(service: words[0], port: port, original: Endpoint(line: words[2]), peer: Endpoint(line: words[3]))
  }
}

extension Endpoint {
  fileprivate var line: String { "\(address)|\(port)" }

  fileprivate init?(line: String) {
    let parts = line.split(separator: "|")
    guard parts.count == 2, let port = UInt16(parts[1]) else { return nil }
    self.init(String(parts[0]), port)
  }
}
