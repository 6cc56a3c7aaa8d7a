package import CLinux
import Glibc
import SystemPackage

/// A numeric address of either family and a port, as `192.0.2.1:80` or `[2001:db8::1]:80`.
package struct Endpoint: Sendable, Hashable {
  package let address: String
  package let port: UInt16

  /// - Parameter address: in the form that RFC 5952 recommends, so that equal endpoints have equal texts.
  package init(_ address: String, _ port: UInt16) {
    self.address = address
    self.port = port
  }

  package var isIPv6: Bool { address.utf8.contains(UInt8(ascii: ":")) }

  /// `AF_INET` or `AF_INET6`.
  package var family: CInt { isIPv6 ? AF_INET6 : AF_INET }
}

extension Endpoint: CustomStringConvertible {
  package var description: String { isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)" }
}

extension Endpoint {
  /// The endpoint as the kernel takes it.
  ///
  /// - Throws: `EINVAL` for a text that is no address.
  package func socketAddress() throws(SystemError) -> (storage: sockaddr_storage, length: socklen_t) {
    var storage = sockaddr_storage()
    let isAddress: Bool
    let length: Int
    if isIPv6 {
      var socketAddress = sockaddr_in6()
      socketAddress.sin6_family = sa_family_t(AF_INET6)
      socketAddress.sin6_port = port.bigEndian
      isAddress = unsafe inet_pton(AF_INET6, address, &socketAddress.sin6_addr) == 1
      unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.storeBytes(of: socketAddress, as: sockaddr_in6.self) }
      length = MemoryLayout<sockaddr_in6>.size
    } else {
      var socketAddress = sockaddr_in()
      socketAddress.sin_family = sa_family_t(AF_INET)
      socketAddress.sin_port = port.bigEndian
      isAddress = unsafe inet_pton(AF_INET, address, &socketAddress.sin_addr) == 1
      unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.storeBytes(of: socketAddress, as: sockaddr_in.self) }
      length = MemoryLayout<sockaddr_in>.size
    }
    guard isAddress else { throw SystemError("inet_pton", address, .invalidArgument) }
    return (storage, socklen_t(length))
  }

  /// Reads what a call like `getpeername` stored; nil for any other family. An IPv4 peer of an IPv6 socket is shown as
  /// IPv4.
  package init?(_ storage: sockaddr_storage) {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let port: UInt16
    switch CInt(storage.ss_family) {
    case AF_INET:
      var found = unsafe withUnsafeBytes(of: storage) { unsafe $0.load(as: sockaddr_in.self) }
      unsafe inet_ntop(AF_INET, &found.sin_addr, &text, socklen_t(text.count))
      port = UInt16(bigEndian: found.sin_port)
    case AF_INET6:
      var found = unsafe withUnsafeBytes(of: storage) { unsafe $0.load(as: sockaddr_in6.self) }
      unsafe inet_ntop(AF_INET6, &found.sin6_addr, &text, socklen_t(text.count))
      port = UInt16(bigEndian: found.sin6_port)
    default:
      return nil
    }
    let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.init(address.hasPrefix("::ffff:") ? String(address.dropFirst(7)) : address, port)
  }
}
