import Glibc

/// An IP address with its prefix length, as results spell addresses: `10.88.0.2/16`.
struct NetworkPrefix: Hashable {
  /// 4 or 16 bytes, in network order.
  let address: [UInt8]
  let length: Int

  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = Self.bytes(of: String(parts[0])), let length = Int(parts[1]),
      (0...address.count * 8).contains(length)
    else { return nil }
    self.address = address
    self.length = length
  }

  var isIPv6: Bool { address.count == 16 }

  /// The address that stands for the network itself: all host bits are 0.
  var first: [UInt8] { zip(address, hostMask).map { $0 & ~$1 } }

  /// For IPv4 the broadcast address: all host bits are 1.
  var last: [UInt8] { zip(address, hostMask).map { $0 | $1 } }

  private var hostMask: [UInt8] {
    address.indices.map { index in UInt8(0xff) >> UInt8(min(max(length - index * 8, 0), 8)) }
  }

  /// The bytes of an address without a prefix length; nil for anything else.
  static func bytes(of text: String) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: text.contains(":") ? 16 : 4)
    guard inet_pton(bytes.count == 16 ? AF_INET6 : AF_INET, text, &bytes) == 1 else { return nil }
    return bytes
  }
}
