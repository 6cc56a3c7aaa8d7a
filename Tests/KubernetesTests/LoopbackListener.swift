import Glibc
import System
import SystemPackage

/// A TCP socket that listens on a free port of 127.0.0.1. Connections come about, but nobody serves them.
struct LoopbackListener: ~Copyable {
  let descriptor: OwnedDescriptor
  let port: UInt16

  init() throws {
    let raw = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    guard raw >= 0 else { throw Errno(rawValue: errno) }
    let owner = OwnedDescriptor(owning: raw)

    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let succeeded = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(raw, $0, length) == 0 && listen(raw, 16) == 0 && getsockname(raw, $0, &length) == 0
      }
    }
    guard succeeded else { throw Errno(rawValue: errno) }
    descriptor = owner
    port = UInt16(bigEndian: address.sin_port)
  }

  /// Gives the socket away; the caller closes it.
  consuming func take() -> CInt { descriptor.take() }
}
