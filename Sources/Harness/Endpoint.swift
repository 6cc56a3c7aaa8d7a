import CLinux
import Glibc
import System
import SystemPackage

/// A numeric address and a port, as `10.88.0.3:8080` or `[fd00:88::3]:8080`.
package struct Endpoint: Sendable, Hashable {
  package let address: String
  package let port: UInt16

  package init(_ address: String, _ port: UInt16) {
    self.address = address
    self.port = port
  }

  package var isIPv6: Bool { address.utf8.contains(UInt8(ascii: ":")) }

  var family: CInt { isIPv6 ? AF_INET6 : AF_INET }
}

extension Endpoint: CustomStringConvertible {
  package var description: String { isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)" }
}

extension Endpoint {
  /// The address in network byte order; empty if it is none.
  var addressBytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: isIPv6 ? MemoryLayout<in6_addr>.size : MemoryLayout<in_addr>.size)
    return inet_pton(family, address, &bytes) == 1 ? bytes : []
  }

  /// Calls `body` with the address as the kernel wants it.
  func withSocketAddress<R>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> R
  ) throws(SystemError) -> R {
    var storage = sockaddr_storage()
    let length: socklen_t
    let converted: CInt
    if isIPv6 {
      var socketAddress = sockaddr_in6()
      socketAddress.sin6_family = sa_family_t(AF_INET6)
      socketAddress.sin6_port = port.bigEndian
      converted = inet_pton(AF_INET6, address, &socketAddress.sin6_addr)
      length = socklen_t(MemoryLayout<sockaddr_in6>.size)
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: socketAddress, as: sockaddr_in6.self) }
    } else {
      var socketAddress = sockaddr_in()
      socketAddress.sin_family = sa_family_t(AF_INET)
      socketAddress.sin_port = port.bigEndian
      converted = inet_pton(AF_INET, address, &socketAddress.sin_addr)
      length = socklen_t(MemoryLayout<sockaddr_in>.size)
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: socketAddress, as: sockaddr_in.self) }
    }
    guard converted == 1 else { throw SystemError("inet_pton", address, .invalidArgument) }
    let result: Result<R, SystemError> = withUnsafePointer(to: storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        do throws(SystemError) {
          return .success(try body(pointer, length))
        } catch {
          return .failure(error)
        }
      }
    }
    return try result.get()
  }

  /// Reads what a call like `getpeername` stored; nil for any other family. An IPv4 peer of an IPv6 socket is shown as
  /// IPv4.
  init?(_ storage: sockaddr_storage) {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let port: UInt16
    switch CInt(storage.ss_family) {
    case AF_INET:
      var socketAddress = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in.self) }
      inet_ntop(AF_INET, &socketAddress.sin_addr, &text, socklen_t(text.count))
      port = UInt16(bigEndian: socketAddress.sin_port)
    case AF_INET6:
      var socketAddress = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in6.self) }
      inet_ntop(AF_INET6, &socketAddress.sin6_addr, &text, socklen_t(text.count))
      port = UInt16(bigEndian: socketAddress.sin6_port)
    default:
      return nil
    }
    let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.init(address.hasPrefix("::ffff:") ? String(address.dropFirst(7)) : address, port)
  }
}
