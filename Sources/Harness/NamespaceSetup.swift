import Glibc
package import Netlink
package import System

extension NetworkNamespace {
  /// Brings `lo` up, which gives it 127.0.0.1/8 and ::1.
  package func setLoopbackUp() throws(NetlinkError) {
    try Links.setUp(.loopback, through: try NetlinkSocket.open(.route, in: self))
  }

  /// Sets a kernel parameter of this namespace.
  ///
  /// - Parameter key: As a path under /proc/sys: `net/ipv6/conf/default/accept_dad`.
  package func setSysctl(_ key: String, _ value: String) throws(SystemError) {
    try run { () throws(SystemError) in
      try OwnedDescriptor.open("/proc/sys/\(key)", O_WRONLY).writeAll(Array(value.utf8))
    }
  }
}
