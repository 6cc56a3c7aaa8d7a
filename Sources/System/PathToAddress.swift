import CLinux
import Glibc
import SystemPackage

/// Finds out whether the kernel knows a way to an address, from the namespace of the calling thread: it "connects" a
/// socket for datagrams, which chooses route and source address and sends nothing.
///
/// - Parameter address: IPv4 or IPv6, in text.
/// - Throws: `ENETUNREACH` and the like.
package func requireRoute(to address: String, port: UInt16) throws(SystemError) {
  var v4 = sockaddr_in()
  v4.sin_family = sa_family_t(AF_INET)
  v4.sin_port = port.bigEndian
  var v6 = sockaddr_in6()
  v6.sin6_family = sa_family_t(AF_INET6)
  v6.sin6_port = port.bigEndian
  if unsafe inet_pton(AF_INET, address, &v4.sin_addr) == 1 {
    try connect(AF_INET, v4, address)
  } else if unsafe inet_pton(AF_INET6, address, &v6.sin6_addr) == 1 {
    try connect(AF_INET6, v6, address)
  } else {
    throw SystemError("inet_pton", address, .invalidArgument)
  }
}

private func connect<Address>(_ family: CInt, _ address: Address, _ text: String) throws(SystemError) {
  let socket = OwnedDescriptor(
    owning: try retrying("socket", text) {
      Glibc.socket(family, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    })
  let number = socket.withRawValue { $0 }
  try retrying("connect", text) {
    unsafe withUnsafeBytes(of: address) { bytes in
      unsafe Glibc.connect(
        number, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
  }
}
