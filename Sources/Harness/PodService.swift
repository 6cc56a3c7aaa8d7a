import Glibc
import Synchronization
package import System
import SystemPackage

/// Sockets in a pod under one owner, which answer every connection and every datagram with one line: the service's
/// name, where it arrived, the destination that the client asked for, and the client. Behind a proxy that speaks HTTP,
/// that line is the answer to an HTTP request.
///
/// A sidecar proxy, as far as the redirect is concerned, is such a service on 15001 and 15006 under uid 1337.
package final class PodService: Sendable {
  package let name: String
  private let running: Mutex<Running?>

  /// Opens the sockets and starts to answer.
  ///
  /// - Parameters:
  ///   - ports: Of TCP, each on all addresses of IPv4 and of IPv6.
  ///   - listeners: Of TCP, each on its address alone.
  ///   - datagrams: Of UDP, each on its address alone: bound to all addresses, a socket would answer from another one
  ///     than it was asked at.
  ///   - liteDatagrams: Of UDP-Lite, likewise.
  ///   - isTransparent: Whether the TCP sockets take connections to any address, as TPROXY needs (`IP_TRANSPARENT`).
  ///   - form: Of the answers over TCP.
  ///   - owner: Of the sockets, and of those that they accept; the process stays what it is.
  package init(
    _ name: String, ports: [UInt16] = [], listeners: [Endpoint] = [], datagrams: [Endpoint] = [],
    liteDatagrams: [Endpoint] = [],
    isTransparent: Bool = false, answering form: Answer.Form = .line, owner: Owner,
    in namespace: borrowing NetworkNamespace
  ) throws(SystemError) {
    self.name = name
    let everywhere = ports.flatMap { [Endpoint("0.0.0.0", $0), Endpoint("::", $0)] }
    let sockets = try namespace.run { () throws(SystemError) in
      try becomeOnThisThread(user: owner.user, group: owner.group)
      var sockets: [ServiceSocket] = []
      for endpoint in everywhere + listeners { sockets.append(try ServiceSocket(endpoint, .tcp)) }
      for endpoint in datagrams { sockets.append(try ServiceSocket(endpoint, .udp)) }
      for endpoint in liteDatagrams { sockets.append(try ServiceSocket(endpoint, .udpLite)) }
      return sockets
    }
    for socket in sockets { try socket.start(isTransparent: isTransparent) }
    running = Mutex(try Running(try AnswerLoop(name, form, sockets), as: owner))
  }

  deinit { close() }

  /// Closes the sockets; returns when they are closed.
  package func close() {
    guard let running = running.withLock({ $0.take() }) else { return }
    running.loop.stop()
    pthread_join(running.thread, nil)
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

/// A thread that answers as the owner of a service: an accepted socket belongs to the thread that accepts it, and
/// rules see its packets as that user's.
private final class Running: Sendable {
  let loop: AnswerLoop
  let thread: pthread_t

  init(_ loop: AnswerLoop, as owner: Owner) throws(SystemError) {
    let work = Unmanaged.passRetained(Work(loop: loop, owner: owner))
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, work.toOpaque())
    guard code == 0 else {
      work.release()
      throw SystemError("pthread_create", "service", Errno(rawValue: code))
    }
    self.loop = loop
    self.thread = thread
  }

  /// What crosses `pthread_create`'s untyped pointer.
  private final class Work: Sendable {
    let loop: AnswerLoop
    let owner: Owner

    init(loop: AnswerLoop, owner: Owner) {
      self.loop = loop
      self.owner = owner
    }

    func run() {
      do throws(SystemError) {
        try becomeOnThisThread(user: owner.user, group: owner.group)
      } catch {
        preconditionFailure("the thread that opened the sockets became \(owner), and this one cannot: \(error)")
      }
      loop.run()
    }
  }
}
