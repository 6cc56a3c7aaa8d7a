import CLinux
import Glibc
import SystemPackage

/// Sends a datagram to whoever listens on a socket of the file system, and waits for nobody.
///
/// - Throws: `ENOENT` and `ECONNREFUSED` where nobody listens, `EAGAIN` while the listener has too much to read.
package func sendDatagram(_ bytes: [UInt8], to path: String) throws(SystemError) {
  let address = try socketAddress(of: path)
  let socket = OwnedDescriptor(owning: try retrying("socket", path) { clinux_unix_socket() })
  try retrying("sendto", path) {
    unsafe withUnsafeBytes(of: address) { address in
      let pointer = unsafe address.baseAddress?.assumingMemoryBound(to: sockaddr.self)
      return socket.withRawValue { socket in
        unsafe sendto(socket, bytes, bytes.count, CInt(MSG_DONTWAIT), pointer, socklen_t(address.count))
      }
    }
  }
}

/// A socket of the file system that takes datagrams. Its name stays when it ends, as those of sockets do.
package struct DatagramReceiver: ~Copyable, Sendable {
  private let socket: OwnedDescriptor
  private let path: String

  /// Begins to listen, in place of one that is no longer there.
  ///
  /// - Throws: what keeps the socket from being made, such as a path of more than 107 bytes.
  package init(at path: String, mode: UInt32) throws(SystemError) {
    let address = try socketAddress(of: path)
    try removeFile(path)
    let socket = OwnedDescriptor(owning: try retrying("socket", path) { clinux_unix_socket() })
    try retrying("bind", path) {
      unsafe withUnsafeBytes(of: address) { bytes in
        let pointer = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
        return socket.withRawValue { unsafe bind($0, pointer, socklen_t(bytes.count)) }
      }
    }
    do throws(SystemError) {
      try setMode(mode, of: path)
    } catch {
      unsafe unlink(path)
      throw error
    }
    self.socket = socket
    self.path = path
  }

  /// Waits for the next datagram. What is longer than `limit` bytes is cut.
  ///
  /// - Returns: nil once `end` is signalled.
  package borrowing func receive(limit: Int, until end: WakeUp) throws(SystemError) -> [UInt8]? {
    let isReadable = try waitUntilReadable([socket.withRawValue { $0 }, end.descriptor], for: nil)
    if isReadable[1] {
      end.take()
      return nil
    }
    do throws(SystemError) {
      return try socket.read(limit)
    } catch {
      throw SystemError("read", path, error.errno)
    }
  }

  /// Removes the socket's name: nobody new finds it.
  package borrowing func removeName() throws(SystemError) {
    try removeFile(path)
  }
}
