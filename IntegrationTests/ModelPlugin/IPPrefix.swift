import CLinux
import Glibc

/// An address with the length of its network's prefix, as results write it: `10.9.0.2/24`.
struct IPPrefix: Hashable, CustomStringConvertible {
  /// The address as a number; an IPv4 address in the low 32 bits.
  var value: UInt128
  let isIPv6: Bool
  let length: Int

  /// Reads an address; without a length it stands for itself alone.
  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = parts.first else { return nil }
    let isIPv6 = address.contains(":")
    var bytes = [UInt8](repeating: 0, count: isIPv6 ? 16 : 4)
    guard inet_pton(isIPv6 ? AF_INET6 : AF_INET, String(address), &bytes) == 1 else { return nil }
    let length = parts.count == 2 ? Int(parts[1]) : bytes.count * 8
    guard let length, (0...bytes.count * 8).contains(length) else { return nil }
    self.init(bytes: bytes, length: length)
  }

  init(bytes: some Collection<UInt8>, length: Int) {
    value = bytes.reduce(0) { $0 << 8 | UInt128($1) }
    isIPv6 = bytes.count == 16
    self.length = length
  }

  var bitCount: Int { isIPv6 ? 128 : 32 }

  var bytes: [UInt8] {
    stride(from: bitCount - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt128($0)) }
  }

  /// The address alone.
  var address: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(isIPv6 ? AF_INET6 : AF_INET, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  var description: String { "\(address)/\(length)" }

  /// The word nft uses for the family.
  var family: String { isIPv6 ? "ip6" : "ip" }

  /// The first address of the network.
  var network: UInt128 { value & ~hostMask }

  /// The last address of the network.
  var last: UInt128 { value | hostMask }

  private var hostMask: UInt128 { bitCount == length ? 0 : (UInt128.max >> UInt128(128 - (bitCount - length))) }

  /// The address `value`, in the network of this one.
  func with(_ value: UInt128) -> IPPrefix {
    var other = self
    other.value = value
    return other
  }
}
