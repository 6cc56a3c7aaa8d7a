import SystemPackage

extension NetworkNamespace {
  /// How many TCP sockets of the namespace listen or have a connection.
  ///
  /// Source: net/ipv4/proc.c and net/ipv6/proc.c: `TCP: inuse 2 orphan 0 tw 0 alloc 3 mem 0`.
  ///
  /// - Throws: `ENOENT` where there is no /proc.
  /// - Complexity: constant: the kernel keeps count. A list of sockets would take it through those of all namespaces.
  package borrowing func tcpSocketCount() throws(SystemError) -> Int {
    try run { () throws(SystemError) in try Self.currentTCPSocketCount() }
  }

  /// The same of the namespace of the calling thread.
  package static func currentTCPSocketCount() throws(SystemError) -> Int {
    let ipv4 = try count(of: "TCP: inuse ", in: "/proc/thread-self/net/sockstat")
    do throws(SystemError) {
      return ipv4 + (try count(of: "TCP6: inuse ", in: "/proc/thread-self/net/sockstat6"))
    } catch let error where error.errno == .noSuchFileOrDirectory {
      // A kernel without IPv6.
      return ipv4
    }
  }
}

/// The number behind a label at the beginning of a line.
///
/// - Throws: `EBADMSG` if there is none.
private func count(of label: String, in path: String) throws(SystemError) -> Int {
  let lines = try readFile(path, limit: 4096).split(separator: UInt8(ascii: "\n"))
  let line = lines.first { $0.starts(with: label.utf8) }?.dropFirst(label.utf8.count)
  let digits = line?.prefix { $0 != UInt8(ascii: " ") }
  guard let digits, let count = Int(String(decoding: digits, as: UTF8.self)) else {
    throw SystemError("read", path, .badMessage)
  }
  return count
}
