import CLinux
import Glibc
import System
import SystemPackage

/// Answers on a service's sockets until it is told to stop.
final class AnswerLoop: Sendable {
  private let name: String
  private let form: Answer.Form
  private let sockets: [ServiceSocket]
  private let wakeUp: DescriptorPair
  /// Of epoll, which does not slow down with the number of sockets.
  private let queue: OwnedDescriptor

  init(_ name: String, _ form: Answer.Form, _ sockets: [ServiceSocket]) throws(SystemError) {
    self.name = name
    self.form = form
    self.sockets = sockets
    wakeUp = try OwnedDescriptor.pipe()
    let descriptor = epoll_create1(CInt(EPOLL_CLOEXEC))
    guard descriptor >= 0 else { throw SystemError("epoll_create1", name, Errno(rawValue: errno)) }
    queue = OwnedDescriptor(owning: descriptor)
    for (index, socket) in sockets.enumerated() { try watch(socket.descriptor, as: index) }
    try watch(wakeUp.reader.withRawValue { $0 }, as: sockets.count)
  }

  private func watch(_ descriptor: CInt, as index: Int) throws(SystemError) {
    var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data(u64: UInt64(index)))
    let result = queue.withRawValue { epoll_ctl($0, EPOLL_CTL_ADD, descriptor, &event) }
    guard result == 0 else { throw SystemError("epoll_ctl", name, Errno(rawValue: errno)) }
  }

  /// Makes `run` return.
  func stop() {
    // The other end is ours too, so the write cannot fail.
    try? wakeUp.writer.writeAll([0])
  }

  /// Answers on the calling thread.
  func run() {
    var events = [epoll_event](repeating: epoll_event(), count: 64)
    while true {
      let count = queue.withRawValue { epoll_wait($0, &events, CInt(events.count), -1) }
      for event in events.prefix(max(0, Int(count))) {
        let index = Int(event.data.u64)
        if index == sockets.count { return }
        sockets[index].answer(for: name, as: form)
      }
    }
  }
}

/// A service's socket for one address.
final class ServiceSocket: Sendable {
  private let endpoint: Endpoint
  private let transport: Probe.Transport
  private let socket: PodSocket

  /// Opens the socket on the calling thread, whose namespace and user it gets.
  init(_ endpoint: Endpoint, _ transport: Probe.Transport) throws(SystemError) {
    self.endpoint = endpoint
    self.transport = transport
    socket = try PodSocket(transport.socketKind, for: endpoint)
  }

  /// Makes the address the socket's.
  func start(isTransparent: Bool) throws(SystemError) {
    switch transport {
    case .tcp:
      if isTransparent { try socket.setTransparent() }
      try socket.listen(on: endpoint)
    case .udp, .udpLite:
      // So that a client can ask from this very port.
      try socket.shareAddress()
      try socket.bind(to: endpoint)
    }
  }

  /// Valid as long as this object.
  fileprivate var descriptor: CInt { socket.withRawValue { $0 } }

  fileprivate func answer(for service: String, as form: Answer.Form) {
    switch transport {
    case .tcp:
      guard let connection = socket.accept() else { return }
      let answer = Answer(
        service: service, local: connection.localEndpoint, original: connection.originalDestination,
        peer: connection.peerEndpoint)
      // A client that went away needs no answer.
      try? connection.send(answer, as: form)
    case .udp, .udpLite:
      guard let peer = socket.takeDatagram() else { return }
      let answer = Answer(service: service, local: endpoint, original: endpoint, peer: peer)
      // As above.
      try? socket.send(Array(answer.line.utf8), to: peer)
    }
  }
}
