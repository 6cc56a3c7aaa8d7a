import Glibc
import System

extension Endpoint {
  /// The address in network byte order; empty if it is none.
  var addressBytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: isIPv6 ? MemoryLayout<in6_addr>.size : MemoryLayout<in_addr>.size)
    return inet_pton(family, address, &bytes) == 1 ? bytes : []
  }
}
