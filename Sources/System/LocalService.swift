import CLinux
import Glibc
import SystemPackage

/// Asks a service on a socket of the file system one question: sends it, and reads the answer to its end.
///
/// The service must be root's or the caller's own: whoever else got hold of the path is not believed.
///
/// - Parameters:
///   - question: ends in a way that the service knows.
///   - limit: bytes of the answer; one more throws `EFBIG`.
///   - deadline: of all of it.
/// - Throws: `ENOENT` and `ECONNREFUSED` where nobody serves, `ETIMEDOUT` at the deadline, `EPERM` for another's service.
package func askLocalService(
  at path: String, _ question: [UInt8], limit: Int, deadline: ContinuousClock.Instant
) throws(SystemError) -> [UInt8] {
  let address = try socketAddress(of: path)
  let socket = OwnedDescriptor(
    owning: try retrying("socket", path) {
      Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    })
  do throws(SystemError) {
    try socket.limitWaits(to: deadline)
    try retrying("connect", path) {
      unsafe withUnsafeBytes(of: address) { bytes in
        let pointer = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
        return socket.withRawValue { unsafe connect($0, pointer, socklen_t(bytes.count)) }
      }
    }
    let owner = try socket.peerUser()
    guard owner == 0 || owner == geteuid() else { throw SystemError("connect", path, .notPermitted) }
    try withoutSIGPIPE { () throws(SystemError) in try socket.writeAll(question) }
    var answer: [UInt8] = []
    while true {
      try socket.limitWaits(to: deadline)
      let chunk = try socket.read(min(limit - answer.count + 1, 1 << 16))
      if chunk.isEmpty { return answer }
      answer += chunk
      if answer.count > limit { throw SystemError("read", path, .fileTooLarge) }
    }
  } catch let error where error.errno == .resourceTemporarilyUnavailable {
    // What a time limit of a socket looks like.
    throw SystemError(error.operation, path, .timedOut)
  } catch {
    throw SystemError(error.operation, path, error.errno)
  }
}

extension OwnedDescriptor {
  /// Lets no call on this socket wait beyond `deadline`: it fails with `EAGAIN` then.
  ///
  /// Source: socket(7), `SO_RCVTIMEO` and `SO_SNDTIMEO`, the latter also for connect; 0 would mean no limit.
  fileprivate borrowing func limitWaits(to deadline: ContinuousClock.Instant) throws(SystemError) {
    let rest = deadline - .now
    guard rest > .zero else { throw SystemError("wait", "socket", .timedOut) }
    let microseconds = max(1, rest.components.attoseconds / 1_000_000_000_000)
    var time = timeval(tv_sec: Int(rest.components.seconds), tv_usec: Int(microseconds))
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      try retrying("setsockopt", "SO_RCVTIMEO, SO_SNDTIMEO") {
        withRawValue { unsafe setsockopt($0, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size)) }
      }
    }
  }

  /// The effective user of the process that made the other end of this local socket listen.
  ///
  /// Source: unix(7), `SO_PEERCRED`.
  fileprivate borrowing func peerUser() throws(SystemError) -> uid_t {
    var credentials = clinux_credentials()
    var length = socklen_t(MemoryLayout<clinux_credentials>.size)
    try retrying("getsockopt", "SO_PEERCRED") {
      withRawValue { unsafe getsockopt($0, SOL_SOCKET, SO_PEERCRED, &credentials, &length) }
    }
    return credentials.user
  }
}

/// - Throws: `ENAMETOOLONG` for a path of more than 107 bytes, the most that `sockaddr_un` holds.
func socketAddress(of path: String) throws(SystemError) -> sockaddr_un {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  let bytes = Array(path.utf8)
  let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
    guard bytes.count < room.count else { return false }
    unsafe room.copyBytes(from: bytes)
    return true
  }
  guard fits else { throw SystemError("connect", path, .fileNameTooLong) }
  return address
}
