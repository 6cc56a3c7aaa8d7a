import NIOCore

/// Where the API server listens: the address, port and path prefix of `https://10.96.0.1:443/prefix`.
package struct APIServerAddress: Sendable, Equatable {
  let socketAddress: SocketAddress
  /// Without a slash at its end; empty in nearly every cluster.
  package let pathPrefix: String
  /// `10.96.0.1:443`, `[fd00::1]:443`: for error texts and the `Host` header.
  package let authority: String

  /// Why a text is no such address: the rest of a sentence that begins with the field's name.
  package struct Fault: Error, Sendable, Equatable {
    package let problem: String
    package let advice: String
  }

  /// Reads a URL with a numeric address.
  package init(url: String) throws(Fault) {
    let scheme = "https://"
    guard url.hasPrefix(scheme) else {
      throw Fault(
        problem: "does not begin with https://",
        advice: "the token would be sent in the clear; write the API server's https address")
    }
    let rest = url.dropFirst(scheme.count)
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    let (host, port) = try Self.split(rest[..<slash])
    guard let socketAddress = try? SocketAddress(ipAddress: host, port: port) else {
      // NIO's error says only that it failed, and repeats the text.
      throw Fault(
        problem: "names the host \"\(host.prefix(60))\" where only a numeric address can stand",
        advice: "a static binary does not resolve names; the installer writes the address that the name stands for")
    }
    self.socketAddress = socketAddress
    authority = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"

    var prefix = rest[slash...]
    while prefix.hasSuffix("/") { prefix.removeLast() }
    guard prefix.utf8.allSatisfy(Self.isPlainInPath) else {
      throw Fault(problem: "has a path with other characters than letters, digits, / . _ ~ -", advice: "shorten it")
    }
    pathPrefix = String(prefix)
  }

  private static func split(_ authority: Substring) throws(Fault) -> (host: String, port: Int) {
    let host: Substring
    let rest: Substring
    if authority.hasPrefix("["), let bracket = authority.firstIndex(of: "]") {
      host = authority[..<bracket].dropFirst()
      rest = authority[authority.index(after: bracket)...]
      guard host.contains(":") else {
        throw Fault(problem: "has no IPv6 address between its brackets", advice: "write https://[ADDRESS]:PORT")
      }
    } else {
      let colon = authority.firstIndex(of: ":") ?? authority.endIndex
      host = authority[..<colon]
      rest = authority[colon...]
    }
    if rest.isEmpty { return (String(host), 443) }
    guard rest.hasPrefix(":"), rest.dropFirst().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let port = UInt16(rest.dropFirst()), port > 0
    else {
      throw Fault(
        problem: "has no port from 1 to 65535 behind its address",
        advice: "write https://ADDRESS:PORT, and an IPv6 address in brackets")
    }
    return (String(host), Int(port))
  }

  private static func isPlainInPath(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "/._~-".utf8.contains(byte)
    }
  }
}
