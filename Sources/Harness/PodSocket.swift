import CLinux
import Glibc
import System
import SystemPackage

/// A non-blocking socket of a pod's process.
///
/// Its namespace and its owner are those of the thread that opens it, for good; the owner is what `meta skuid` and
/// `-m owner` compare. The rest takes rights that such an owner lacks (a low port, a mark, a foreign address), and is
/// done by whoever holds the socket.
struct PodSocket: ~Copyable, Sendable {
  enum Kind: Sendable {
    case tcp
    case udp
    case udpLite
    /// Whole TCP segments, beside the namespace's own TCP.
    case rawTCP
    /// ICMP echoes, to groups that `net/ipv4/ping_group_range` names.
    case echo
  }

  private let descriptor: OwnedDescriptor
  let isIPv6: Bool

  /// Opens a socket in the calling thread's namespace, as the calling thread's user.
  ///
  /// - Parameter endpoint: Whose family the socket gets; it is neither bound nor connected.
  init(_ kind: Kind, for endpoint: Endpoint) throws(SystemError) {
    let (type, number) =
      switch kind {
      case .tcp: (SOCK_STREAM, 0)
      case .udp: (SOCK_DGRAM, 0)
      case .udpLite: (SOCK_DGRAM, IPPROTO_UDPLITE)
      case .rawTCP: (SOCK_RAW, IPPROTO_TCP)
      case .echo: (SOCK_DGRAM, endpoint.isIPv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)
      }
    let flags = SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    let descriptor = socket(endpoint.family, CInt(type.rawValue | flags), CInt(number))
    guard descriptor >= 0 else { throw SystemError("socket", "\(endpoint)", Errno(rawValue: errno)) }
    self.init(OwnedDescriptor(owning: descriptor), isIPv6: endpoint.isIPv6)
  }

  private init(_ descriptor: consuming OwnedDescriptor, isIPv6: Bool) {
    self.descriptor = descriptor
    self.isIPv6 = isIPv6
  }

  /// Opens a socket in a namespace, as a process of `owner` would.
  static func open(
    _ kind: Kind, for endpoint: Endpoint, as owner: Owner, in namespace: borrowing NetworkNamespace
  ) throws(SystemError) -> PodSocket {
    try namespace.run { () throws(SystemError) in
      try becomeOnThisThread(user: owner.user, group: owner.group)
      return try PodSocket(kind, for: endpoint)
    }
  }

  /// Lends the descriptor, to poll several sockets at once.
  borrowing func withRawValue<R, E: Error>(_ body: (CInt) throws(E) -> R) throws(E) -> R {
    try descriptor.withRawValue(body)
  }

  /// Gives the descriptor away; the caller closes it.
  consuming func take() -> CInt {
    descriptor.take()
  }
}

// MARK: Set-up

extension PodSocket {
  func bind(to endpoint: Endpoint) throws(SystemError) {
    try call("bind", endpoint) { Glibc.bind($0, $1, $2) }
  }

  /// Accepts connections to an address; to the addresses of one family if it is the unspecified one.
  func listen(on endpoint: Endpoint) throws(SystemError) {
    try set(SOL_SOCKET, SO_REUSEADDR, CInt(1))
    if isIPv6 { try set(CInt(IPPROTO_IPV6), IPV6_V6ONLY, CInt(1)) }
    try bind(to: endpoint)
    let result = descriptor.withRawValue { Glibc.listen($0, 256) }
    guard result == 0 else { throw SystemError("listen", "\(endpoint)", Errno(rawValue: errno)) }
  }

  /// Connects; over TCP this waits for the peer.
  ///
  /// - Throws: `ETIMEDOUT` when nobody answers in time, `ECONNREFUSED` when the peer refuses.
  func connect(to endpoint: Endpoint, until deadline: ContinuousClock.Instant) throws(SystemError) {
    do throws(SystemError) {
      try call("connect", endpoint) { Glibc.connect($0, $1, $2) }
      return
    } catch let error where error.errno == .nowInProgress {}
    guard wait(for: POLLOUT, until: deadline) else { throw SystemError("connect", "\(endpoint)", .timedOut) }
    var code: CInt = 0
    var length = socklen_t(MemoryLayout<CInt>.size)
    let result = descriptor.withRawValue { getsockopt($0, SOL_SOCKET, SO_ERROR, &code, &length) }
    guard result == 0 else { throw SystemError("getsockopt", "SO_ERROR", Errno(rawValue: errno)) }
    guard code == 0 else { throw SystemError("connect", "\(endpoint)", Errno(rawValue: code)) }
  }

  /// Lets several sockets have one address and port. An answer goes to the one that is connected to who sends it.
  func shareAddress() throws(SystemError) {
    try set(SOL_SOCKET, SO_REUSEADDR, CInt(1))
  }

  /// Lets the socket have addresses that are not the pod's: bind to them, or take their connections from TPROXY.
  func setTransparent() throws(SystemError) {
    if isIPv6 {
      try set(CInt(IPPROTO_IPV6), IPV6_TRANSPARENT, CInt(1))
    } else {
      try set(CInt(IPPROTO_IP), IP_TRANSPARENT, CInt(1))
    }
  }

  /// Marks every packet of the socket.
  func setMark(_ mark: UInt32) throws(SystemError) {
    try set(SOL_SOCKET, SO_MARK, mark)
  }

  /// Makes closing a reset: neither side keeps the connection in TIME_WAIT, and its port is free at once.
  func resetWhenClosed() throws(SystemError) {
    try set(SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 0))
  }

  /// Makes closing say nothing to the peer, which goes on to believe in the connection.
  func beSilentWhenClosed() throws(SystemError) {
    // A socket in repair is freed without a packet: tcp_close, net/ipv4/tcp.c.
    try set(CInt(IPPROTO_TCP), TCP_REPAIR, CInt(1))
  }

  private func set<Value: BitwiseCopyable>(_ level: CInt, _ option: CInt, _ value: Value) throws(SystemError) {
    let result = withUnsafeBytes(of: value) { bytes in
      descriptor.withRawValue { setsockopt($0, level, option, bytes.baseAddress, socklen_t(bytes.count)) }
    }
    guard result == 0 else { throw SystemError("setsockopt", "option \(option)", Errno(rawValue: errno)) }
  }

  private func call(
    _ operation: String, _ endpoint: Endpoint, _ call: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) throws(SystemError) {
    let descriptor = descriptor.withRawValue { $0 }
    let (storage, length) = try endpoint.socketAddress()
    let result = withUnsafePointer(to: storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(descriptor, $0, length) }
    }
    guard result == 0 else { throw SystemError(operation, "\(endpoint)", Errno(rawValue: errno)) }
  }
}

// MARK: Conversation

extension PodSocket {
  /// The next connection of a listener; nil when there is none, as when the client has gone already.
  func accept() -> PodSocket? {
    let accepted = descriptor.withRawValue { clinux_accept($0) }
    return accepted < 0 ? nil : PodSocket(OwnedDescriptor(owning: accepted), isIPv6: isIPv6)
  }

  /// Takes the next datagram and says who sent it; nil when there is none.
  func takeDatagram() -> Endpoint? {
    var content: UInt8 = 0
    return endpoint { recvfrom($0, &content, 1, 0, $1, $2) < 0 ? -1 : 0 }
  }

  /// Sends a few bytes to the peer, or to `endpoint`.
  func send(_ bytes: [UInt8], to endpoint: Endpoint? = nil) throws(SystemError) {
    // A peer that has gone must not end this process with SIGPIPE.
    let flags = CInt(MSG_NOSIGNAL)
    if let endpoint {
      try call("sendto", endpoint) { sendto($0, bytes, bytes.count, flags, $1, $2) < 0 ? -1 : 0 }
      return
    }
    let count = descriptor.withRawValue { Glibc.send($0, bytes, bytes.count, flags) }
    guard count >= 0 else { throw SystemError("send", "\(bytes.count) bytes", Errno(rawValue: errno)) }
  }

  /// Waits for bytes: a datagram, or what has arrived of a stream, of which no bytes are the end.
  func receive(until deadline: ContinuousClock.Instant) throws(SystemError) -> [UInt8] {
    guard wait(for: POLLIN, until: deadline) else { throw SystemError("read", "socket", .timedOut) }
    return try descriptor.read(4096)
  }

  /// Waits for the end of a stream, and returns what arrives until then.
  func receiveAll(until deadline: ContinuousClock.Instant) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let chunk = try receive(until: deadline)
      if chunk.isEmpty { return bytes }
      bytes += chunk
    }
  }

  /// Whether the socket became ready in time.
  private func wait(for events: CInt, until deadline: ContinuousClock.Instant) -> Bool {
    var request = pollfd(fd: descriptor.withRawValue { $0 }, events: Int16(events), revents: 0)
    while true {
      let result = poll(&request, 1, max(0, (deadline - .now).roundedUpToMilliseconds))
      if result >= 0 || errno != EINTR { return result > 0 }
    }
  }
}

// MARK: Addresses

extension PodSocket {
  var localEndpoint: Endpoint? { endpoint { getsockname($0, $1, $2) } }

  var peerEndpoint: Endpoint? { endpoint { getpeername($0, $1, $2) } }

  /// The destination that the client asked for, whatever a redirect made of it.
  ///
  /// A connection that no redirect touched has it for its local address; so has one that came through TPROXY.
  var originalDestination: Endpoint? {
    let isIPv6 = isIPv6
    let original = endpoint {
      isIPv6
        ? getsockopt($0, CInt(IPPROTO_IPV6), CInt(IP6T_SO_ORIGINAL_DST), $1, $2)
        : getsockopt($0, CInt(IPPROTO_IP), CInt(SO_ORIGINAL_DST), $1, $2)
    }
    return original ?? localEndpoint
  }

  private func endpoint(
    _ call: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
  ) -> Endpoint? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = descriptor.withRawValue { descriptor in
      withUnsafeMutablePointer(to: &storage) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(descriptor, $0, &length) }
      }
    }
    return result == 0 ? Endpoint(storage) : nil
  }
}
