import CLinux
import CNetlink
import Glibc
package import System
import SystemPackage

/// The protocols we speak.
package enum NetlinkFamily: Sendable, Hashable {
  /// Links, addresses, routes and rules.
  case route
  /// nf_tables and connection tracking.
  case netfilter
  /// The sockets of a namespace.
  case socketDiagnostics

  fileprivate var number: CInt {
    switch self {
    case .route: NETLINK_ROUTE
    case .netfilter: NETLINK_NETFILTER
    case .socketDiagnostics: NETLINK_SOCK_DIAG
    }
  }
}

/// A netlink socket, bound for good to the namespace it was opened in.
///
/// `@safe`: the pointer to libnl's socket is made here, never leaves, and is freed with its one owner. A socket is not
/// `Sendable`: an exchange of messages belongs to one thread.
@safe package struct NetlinkSocket: ~Copyable {
  private let socket: OpaquePointer

  private init(owning socket: OpaquePointer) {
    unsafe self.socket = unsafe socket
  }

  deinit {
    unsafe nl_socket_free(socket)
  }

  /// Opens a socket in a namespace. The dedicated thread that goes there opens it and nothing else.
  package static func open(
    _ family: NetlinkFamily, in namespace: borrowing NetworkNamespace
  ) throws(NetlinkError) -> NetlinkSocket {
    let descriptor = try asNetlinkError { () throws(SystemError) in
      try namespace.run { () throws(SystemError) in try openDescriptor(family) }
    }
    return try adopt(descriptor, family)
  }

  /// Opens a socket in the namespace of the calling thread.
  package static func open(_ family: NetlinkFamily) throws(NetlinkError) -> NetlinkSocket {
    try adopt(try asNetlinkError { () throws(SystemError) in try openDescriptor(family) }, family)
  }

  static func openDescriptor(_ family: NetlinkFamily) throws(SystemError) -> OwnedDescriptor {
    let descriptor = clinux_netlink_socket(family.number)
    let errno = Errno(rawValue: Glibc.errno)
    guard descriptor >= 0 else { throw SystemError("socket", "AF_NETLINK, \(family)", errno) }
    return OwnedDescriptor(owning: descriptor)
  }

  static func adopt(
    _ descriptor: consuming OwnedDescriptor, _ family: NetlinkFamily
  ) throws(NetlinkError) -> NetlinkSocket {
    let number = descriptor.withRawValue { $0 }
    let bound = clinux_netlink_bind(number)
    let errno = Errno(rawValue: Glibc.errno)
    guard bound == 0 else { throw NetlinkError(SystemError("bind", "AF_NETLINK, \(family)", errno)) }
    try setOption(number, SOL_NETLINK, NETLINK_EXT_ACK, 1, "NETLINK_EXT_ACK")
    try setOption(number, SOL_NETLINK, NETLINK_CAP_ACK, 1, "NETLINK_CAP_ACK")

    guard let socket = unsafe nl_socket_alloc() else {
      throw NetlinkError(SystemError("nl_socket_alloc", "\(family)", .noMemory))
    }
    let owner = unsafe NetlinkSocket(owning: socket)
    try check("nl_socket_set_fd", unsafe nl_socket_set_fd(socket, family.number, number))
    _ = descriptor.take()
    try check("nl_socket_set_nonblocking", unsafe nl_socket_set_nonblocking(socket))
    // One call per datagram instead of one to learn its size and one to read it.
    unsafe nl_socket_disable_msg_peek(socket)
    try check("nl_socket_set_msg_buf_size", unsafe nl_socket_set_msg_buf_size(socket, receiveSize))
    return owner
  }

  /// Bytes; the kernel fills datagrams of a dump up to half of that.
  private static let receiveSize = 1 << 16

  /// A sequence number that this socket has not used for a long time; the next call gives the next number.
  borrowing func nextSequence() -> UInt32 {
    unsafe nl_socket_use_seq(socket)
  }

  /// Hands `bytes` to the kernel in one call. It has dealt with them, and queued its answers, when this returns.
  ///
  /// - Parameter answerCount: how many acknowledgements must fit into the receive buffer.
  borrowing func transmit(_ bytes: [UInt8], answerCount: Int, label: String) throws(NetlinkError) {
    growBuffers(sendSize: bytes.count, answerCount: answerCount)
    var copy = bytes
    let sent = unsafe nl_sendto(socket, &copy, copy.count)
    let errno = Errno(rawValue: Glibc.errno)
    guard sent >= 0 else {
      throw NetlinkError(SystemError("sendto", "\(label), \(bytes.count) bytes", errno))
    }
  }

  /// The next datagram from the kernel, or nil if there is none by the deadline.
  borrowing func receive(until deadline: ContinuousClock.Instant) throws(NetlinkError) -> [UInt8]? {
    while true {
      var sender = sockaddr_nl()
      var buffer: UnsafeMutablePointer<UInt8>?
      let count = unsafe nl_recv(socket, &sender, &buffer, nil)
      let errno = Errno(rawValue: Glibc.errno)
      defer { unsafe free(buffer) }
      if count > 0, let start = unsafe buffer {
        // Other processes may write to our port as well.
        guard sender.nl_pid == 0 else { continue }
        return unsafe [UInt8](UnsafeBufferPointer(start: start, count: Int(count)))
      }
      switch -count {
      case 0: continue
      case NLE_AGAIN:
        guard try waitForInput(until: deadline) else { return nil }
      case NLE_MSG_TRUNC: throw .malformed("recvmsg", "more than \(Self.receiveSize) bytes")
      default: throw NetlinkError(SystemError("recvmsg", "netlink", errno))
      }
    }
  }

  private borrowing func waitForInput(until deadline: ContinuousClock.Instant) throws(NetlinkError) -> Bool {
    let remaining = ContinuousClock.now.duration(to: deadline)
    guard remaining > .zero else { return false }
    var waited = pollfd(fd: unsafe nl_socket_get_fd(socket), events: CShort(POLLIN), revents: 0)
    let result = unsafe poll(&waited, 1, remaining.roundedUpToMilliseconds)
    let errno = Errno(rawValue: Glibc.errno)
    guard result >= 0 || errno == .interrupted else {
      throw NetlinkError(SystemError("poll", "netlink", errno))
    }
    return true
  }

  /// Makes room for what the usual 208 KiB do not hold. If the kernel does not allow it, sending says so.
  private borrowing func growBuffers(sendSize: Int, answerCount: Int) {
    let descriptor = unsafe nl_socket_get_fd(socket)
    if sendSize > 1 << 16 {
      Self.grow(descriptor, SO_SNDBUFFORCE, else: SO_SNDBUF, to: sendSize)
    }
    // An acknowledgement counts with its bookkeeping, about 1 KiB in all.
    if answerCount > 64 {
      Self.grow(descriptor, SO_RCVBUFFORCE, else: SO_RCVBUF, to: answerCount * 2048)
    }
  }

  private static func grow(_ descriptor: CInt, _ forced: CInt, else plain: CInt, to size: Int) {
    var size = CInt(clamping: size)
    let length = socklen_t(MemoryLayout<CInt>.size)
    if unsafe setsockopt(descriptor, SOL_SOCKET, forced, &size, length) != 0 {
      unsafe setsockopt(descriptor, SOL_SOCKET, plain, &size, length)
    }
  }

  private static func setOption(
    _ descriptor: CInt, _ level: CInt, _ option: CInt, _ value: CInt, _ name: String
  ) throws(NetlinkError) {
    var value = value
    let result = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<CInt>.size))
    let errno = Errno(rawValue: Glibc.errno)
    guard result == 0 else { throw NetlinkError(SystemError("setsockopt", name, errno)) }
  }

  /// For calls of libnl that say by a negative number which of their few reasons to fail it was.
  private static func check(_ operation: String, _ code: CInt) throws(NetlinkError) {
    guard code >= 0 else { throw .malformed(operation, unsafe String(cString: nl_geterror(code))) }
  }
}
