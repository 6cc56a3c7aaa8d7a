import Glibc
import System
import SystemPackage

/// A TCP connection to a port of 127.0.0.1, over which a test says exactly what it wants.
struct LoopbackClient: ~Copyable {
  private let descriptor: OwnedDescriptor

  /// - Parameter patience: how long a read waits.
  init(port: Int, patience: Duration = .seconds(20)) throws {
    let raw = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    guard raw >= 0 else { throw Errno(rawValue: errno) }
    let owner = OwnedDescriptor(owning: raw)
    var limit = timeval(tv_sec: Int(patience.components.seconds), tv_usec: 0)
    setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw Errno(rawValue: errno) }
    descriptor = owner
  }

  func send(_ text: String) throws {
    try descriptor.writeAll(Array(text.utf8))
  }

  /// What comes until the server closes the connection.
  func receiveAll() throws -> String {
    String(decoding: try descriptor.readAll(limit: 1 << 20), as: UTF8.self)
  }

  /// What comes until it ends with `ending`.
  func receive(until ending: String) throws -> String {
    var text = ""
    while !text.hasSuffix(ending) {
      let bytes = try descriptor.read(1 << 16)
      if bytes.isEmpty { break }
      text += String(decoding: bytes, as: UTF8.self)
    }
    return text
  }
}
