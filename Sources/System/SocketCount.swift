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
    let usage = try SocketUsage(path: "/proc/thread-self/net/sockstat")
    // Of any kind. In a fresh pod there is nothing more to ask.
    if try usage.count(behind: "sockets: used ") == 0 { return 0 }
    let ipv4 = try usage.count(behind: "TCP: inuse ")
    do throws(SystemError) {
      return ipv4 + (try SocketUsage(path: "/proc/thread-self/net/sockstat6").count(behind: "TCP6: inuse "))
    } catch let error where error.errno == .noSuchFileOrDirectory {
      // A kernel without IPv6.
      return ipv4
    }
  }
}

/// What the kernel says of a namespace's sockets, a protocol a line.
private struct SocketUsage {
  private let path: String
  private let bytes: [UInt8]

  init(path: String) throws(SystemError) {
    self.path = path
    bytes = try readFile(path, limit: 4096)
  }

  /// The number behind a label at the beginning of a line.
  ///
  /// - Throws: `EBADMSG` if there is none.
  func count(behind label: String) throws(SystemError) -> Int {
    let line = bytes.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: label.utf8) }
    let digits = line?.dropFirst(label.utf8.count).prefix { $0 != UInt8(ascii: " ") }
    guard let digits, let count = Int(String(decoding: digits, as: UTF8.self)) else {
      throw SystemError("read", path, .badMessage)
    }
    return count
  }
}
