import CLinux
import Glibc
import System
import SystemPackage

/// The TCP calls that a pod's processes make. A socket belongs to the namespace and the user of the thread that opened
/// it, so these are called on dedicated threads.
enum TCPSocket {
  /// Opens a listener on every address of one family.
  static func listen(_ endpoint: Endpoint) throws(SystemError) -> OwnedDescriptor {
    let socket = try open(endpoint)
    try set(socket, SOL_SOCKET, SO_REUSEADDR, 1)
    if endpoint.isIPv6 { try set(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    try bind(socket, endpoint)
    let result = socket.withRawValue { Glibc.listen($0, 256) }
    guard result == 0 else { throw SystemError("listen", "\(endpoint)", Errno(rawValue: errno)) }
    return socket
  }

  /// Opens a connection.
  ///
  /// - Parameter source: The address to connect from, with port 0 for any; nil lets the kernel choose.
  /// - Throws: `ETIMEDOUT` when nobody answers in time, `ECONNREFUSED` when the peer refuses.
  static func connect(
    to endpoint: Endpoint, from source: Endpoint?, timeLimit: Duration
  ) throws(SystemError) -> OwnedDescriptor {
    let socket = try open(endpoint)
    if let source { try bind(socket, source) }
    let descriptor = socket.withRawValue { $0 }
    _ = clinux_set_flags(descriptor, O_NONBLOCK)
    try endpoint.withSocketAddress { (address, length) throws(SystemError) in
      guard Glibc.connect(descriptor, address, length) == 0 || errno == EINPROGRESS else {
        throw SystemError("connect", "\(endpoint)", Errno(rawValue: errno))
      }
    }
    guard wait(descriptor, for: Int16(POLLOUT), timeLimit) else {
      throw SystemError("connect", "\(endpoint)", .timedOut)
    }
    var code: CInt = 0
    var length = socklen_t(MemoryLayout<CInt>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
    guard code == 0 else { throw SystemError("connect", "\(endpoint)", Errno(rawValue: code)) }
    return socket
  }

  /// Reads to the end of the stream.
  static func readAll(_ socket: borrowing OwnedDescriptor, timeLimit: Duration) throws(SystemError) -> [UInt8] {
    let deadline = ContinuousClock.now + timeLimit
    let descriptor = socket.withRawValue { $0 }
    var bytes: [UInt8] = []
    while true {
      guard wait(descriptor, for: Int16(POLLIN), deadline - .now) else {
        throw SystemError("read", "socket", .timedOut)
      }
      let chunk = try socket.read(4096)
      if chunk.isEmpty { return bytes }
      bytes += chunk
    }
  }

  /// The destination that the client asked for, whatever a redirect made of it.
  static func originalDestination(_ socket: borrowing OwnedDescriptor, isIPv6: Bool) -> Endpoint? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = socket.withRawValue { descriptor in
      isIPv6
        ? getsockopt(descriptor, CInt(IPPROTO_IPV6), CInt(IP6T_SO_ORIGINAL_DST), &storage, &length)
        : getsockopt(descriptor, CInt(IPPROTO_IP), CInt(SO_ORIGINAL_DST), &storage, &length)
    }
    return result == 0 ? Endpoint(storage) : localEndpoint(socket)
  }

  static func localEndpoint(_ socket: borrowing OwnedDescriptor) -> Endpoint? {
    endpoint(socket) { getsockname($0, $1, $2) }
  }

  static func peerEndpoint(_ socket: borrowing OwnedDescriptor) -> Endpoint? {
    endpoint(socket) { getpeername($0, $1, $2) }
  }

  private static func endpoint(
    _ socket: borrowing OwnedDescriptor,
    _ call: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
  ) -> Endpoint? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = socket.withRawValue { descriptor in
      withUnsafeMutablePointer(to: &storage) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(descriptor, $0, &length) }
      }
    }
    return result == 0 ? Endpoint(storage) : nil
  }

  private static func open(_ endpoint: Endpoint) throws(SystemError) -> OwnedDescriptor {
    let descriptor = socket(endpoint.family, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SystemError("socket", "\(endpoint)", Errno(rawValue: errno)) }
    return OwnedDescriptor(owning: descriptor)
  }

  private static func bind(_ socket: borrowing OwnedDescriptor, _ endpoint: Endpoint) throws(SystemError) {
    let descriptor = socket.withRawValue { $0 }
    try endpoint.withSocketAddress { (address, length) throws(SystemError) in
      guard Glibc.bind(descriptor, address, length) == 0 else {
        throw SystemError("bind", "\(endpoint)", Errno(rawValue: errno))
      }
    }
  }

  private static func set(
    _ socket: borrowing OwnedDescriptor, _ level: CInt, _ option: CInt, _ value: CInt
  ) throws(SystemError) {
    var value = value
    let result = socket.withRawValue {
      setsockopt($0, level, option, &value, socklen_t(MemoryLayout<CInt>.size))
    }
    guard result == 0 else { throw SystemError("setsockopt", "option \(option)", Errno(rawValue: errno)) }
  }

  /// Whether the descriptor became ready in time.
  static func wait(_ descriptor: CInt, for events: Int16, _ timeLimit: Duration) -> Bool {
    let rest = timeLimit.components
    var request = pollfd(fd: descriptor, events: events, revents: 0)
    let milliseconds = max(0, rest.seconds * 1000 + rest.attoseconds / 1_000_000_000_000_000)
    return poll(&request, 1, CInt(milliseconds)) > 0
  }
}
