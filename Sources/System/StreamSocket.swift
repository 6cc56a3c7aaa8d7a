import CLinux
import Glibc
import SystemPackage

/// A TCP socket that belongs for good to the namespace it was opened in, wherever it is used.
package struct StreamSocket: ~Copyable, Sendable {
  private let descriptor: OwnedDescriptor
  private let isIPv6: Bool

  private init(_ descriptor: consuming OwnedDescriptor, isIPv6: Bool) {
    self.descriptor = descriptor
    self.isIPv6 = isIPv6
  }

  /// Opens a socket in the namespace of the calling thread.
  ///
  /// - Parameter endpoint: whose family the socket gets; it is neither bound nor connected.
  /// - Throws: `EAFNOSUPPORT` for a family that the kernel does not have.
  package static func open(for endpoint: Endpoint) throws(SystemError) -> StreamSocket {
    let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = try retrying("socket", "\(endpoint)") { socket(endpoint.family, type, 0) }
    return StreamSocket(OwnedDescriptor(owning: descriptor), isIPv6: endpoint.isIPv6)
  }

  /// Opens a socket in another namespace.
  package static func open(
    for endpoint: Endpoint, in namespace: borrowing NetworkNamespace
  ) throws(SystemError) -> StreamSocket {
    try namespace.run { () throws(SystemError) in try open(for: endpoint) }
  }

  /// Accepts connections to an address; to those of one family if it is the unspecified one.
  ///
  /// - Throws: `EADDRINUSE` if another socket has the port.
  package borrowing func listen(on endpoint: Endpoint) throws(SystemError) {
    if isIPv6 {
      var only: CInt = 1
      try retrying("setsockopt", "IPV6_V6ONLY") {
        descriptor.withRawValue {
          unsafe setsockopt($0, CInt(IPPROTO_IPV6), IPV6_V6ONLY, &only, socklen_t(MemoryLayout<CInt>.size))
        }
      }
    }
    let (address, length) = try endpoint.socketAddress()
    try retrying("bind", "\(endpoint)") {
      unsafe withUnsafeBytes(of: address) { bytes in
        let pointer = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
        return descriptor.withRawValue { unsafe bind($0, pointer, length) }
      }
    }
    try retrying("listen", "\(endpoint)") { descriptor.withRawValue { Glibc.listen($0, 16) } }
  }

  /// Where the socket is bound to.
  package borrowing func localEndpoint() throws(SystemError) -> Endpoint {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    try retrying("getsockname", "TCP") {
      unsafe withUnsafeMutableBytes(of: &storage) { bytes in
        let pointer = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
        return descriptor.withRawValue { unsafe getsockname($0, pointer, &length) }
      }
    }
    guard let endpoint = Endpoint(storage) else {
      throw SystemError("getsockname", "TCP", .addressFamilyNotSupported)
    }
    return endpoint
  }

  /// Connects, and waits for the answer.
  ///
  /// - Throws: `ECONNREFUSED` when the peer refuses, `ETIMEDOUT` when nobody has answered by the deadline.
  package borrowing func connect(
    to endpoint: Endpoint, until deadline: ContinuousClock.Instant
  ) throws(SystemError) {
    let (address, length) = try endpoint.socketAddress()
    do throws(SystemError) {
      try retrying("connect", "\(endpoint)") {
        unsafe withUnsafeBytes(of: address) { bytes in
          let pointer = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
          return descriptor.withRawValue { unsafe Glibc.connect($0, pointer, length) }
        }
      }
      return
    } catch let error where error.errno == .nowInProgress {}
    try wait(for: POLLOUT, until: deadline, "connect", "\(endpoint)")
    var code: CInt = 0
    var size = socklen_t(MemoryLayout<CInt>.size)
    try retrying("getsockopt", "SO_ERROR") {
      descriptor.withRawValue { unsafe getsockopt($0, SOL_SOCKET, SO_ERROR, &code, &size) }
    }
    guard code == 0 else { throw SystemError("connect", "\(endpoint)", Errno(rawValue: code)) }
  }

  /// Takes the next connection.
  ///
  /// - Throws: `ETIMEDOUT` when none has come by the deadline.
  package borrowing func accept(until deadline: ContinuousClock.Instant) throws(SystemError) -> StreamSocket {
    try wait(for: POLLIN, until: deadline, "accept", "TCP")
    let accepted = try retrying("accept", "TCP") { descriptor.withRawValue { clinux_accept($0) } }
    return StreamSocket(OwnedDescriptor(owning: accepted), isIPv6: isIPv6)
  }

  /// Where the peer wanted to connect to, before a rule led it here.
  ///
  /// - Throws: `ENOENT` for a connection that no rule has changed.
  ///
  /// Source: linux/netfilter_ipv4.h, `SO_ORIGINAL_DST`; linux/netfilter_ipv6/ip6_tables.h, `IP6T_SO_ORIGINAL_DST`.
  package borrowing func originalDestination() throws(SystemError) -> Endpoint {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let (level, option) =
      isIPv6 ? (CInt(IPPROTO_IPV6), CInt(IP6T_SO_ORIGINAL_DST)) : (CInt(IPPROTO_IP), CInt(SO_ORIGINAL_DST))
    try retrying("getsockopt", "SO_ORIGINAL_DST") {
      descriptor.withRawValue { unsafe getsockopt($0, level, option, &storage, &length) }
    }
    guard let endpoint = Endpoint(storage) else {
      throw SystemError("getsockopt", "SO_ORIGINAL_DST", .addressFamilyNotSupported)
    }
    return endpoint
  }

  private borrowing func wait(
    for events: CInt, until deadline: ContinuousClock.Instant, _ operation: String, _ object: String
  ) throws(SystemError) {
    var request = pollfd(fd: descriptor.withRawValue { $0 }, events: CShort(events), revents: 0)
    let ready = try retrying("poll", object) {
      unsafe poll(&request, 1, max(0, (deadline - .now).roundedUpToMilliseconds))
    }
    guard ready > 0 else { throw SystemError(operation, object, .timedOut) }
  }
}
