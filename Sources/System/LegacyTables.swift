import CLinux
import Glibc
import SystemPackage

/// A table of iptables-legacy that holds rules.
package struct LegacyTable: Sendable, Hashable {
  package let isIPv6: Bool
  /// `nat`, `mangle`.
  package let name: String
}

extension NetworkNamespace {
  /// The tables of iptables-legacy that hold rules here. Looking makes no table.
  ///
  /// Source: net/netfilter/x_tables.c, `ip_tables_names`: the tables that somebody has asked this namespace for; a mere
  /// `iptables-legacy -L` makes an empty one.
  package borrowing func legacyTables() throws(SystemError) -> [LegacyTable] {
    try run { () throws(SystemError) in try tables(isIPv6: false) + tables(isIPv6: true) }
  }
}

/// Those of the calling thread's namespace.
private func tables(isIPv6: Bool) throws(SystemError) -> [LegacyTable] {
  let path = "/proc/thread-self/net/\(isIPv6 ? "ip6" : "ip")_tables_names"
  let bytes: [UInt8]
  do throws(SystemError) {
    bytes = try readFile(path, limit: 4096)
  } catch let error where error.errno == .noSuchFileOrDirectory {
    // This kernel has not got it, or has no use of it yet.
    return []
  }
  let names = bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
  if names.isEmpty { return [] }
  let family = isIPv6 ? AF_INET6 : AF_INET
  let descriptor = OwnedDescriptor(
    owning: try retrying("socket", isIPv6 ? "AF_INET6" : "AF_INET") {
      socket(family, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    })
  var tables: [LegacyTable] = []
  for name in names {
    let count = try retrying("getsockopt", "table \(name)") {
      descriptor.withRawValue { unsafe clinux_legacy_rule_count($0, isIPv6 ? 1 : 0, name) }
    }
    if count > 0 { tables.append(LegacyTable(isIPv6: isIPv6, name: name)) }
  }
  return tables
}
