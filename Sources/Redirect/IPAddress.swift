/// The two address families a pod can have.
package enum IPFamily: Sendable, Hashable, CaseIterable {
  case v4
  case v6

  /// Bits in an address: 32 or 128.
  package var bitWidth: Int { self == .v4 ? 32 : 128 }
}

extension IPFamily: CustomStringConvertible {
  package var description: String { self == .v4 ? "IPv4" : "IPv6" }
}

/// An IPv4 or IPv6 address, ordered by family and then by value.
///
/// The value is kept right-aligned in 128 bits so that ranges can be computed with plain arithmetic.
package struct IPAddress: Sendable, Hashable {
  package let family: IPFamily
  package let value: UInt128

  package init(_ family: IPFamily, _ value: UInt128) {
    self.family = family
    self.value = family == .v4 ? value & 0xffff_ffff : value
  }

  /// The address in network byte order: 4 or 16 bytes.
  package var bytes: [UInt8] {
    (0..<family.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * UInt128($0))) }
  }

  /// Whether the address is in 127.0.0.0/8, or is ::1.
  package var isLoopback: Bool {
    switch family {
    case .v4: value >> 24 == 127
    case .v6: value == 1
    }
  }

  /// Reads dotted decimal, or RFC 4291 text; nil for anything else, zone identifiers included.
  package init?(_ text: some StringProtocol) {
    if text.utf8.contains(UInt8(ascii: ":")) {
      guard let value = Self.parseV6(text) else { return nil }
      self.init(.v6, value)
    } else {
      guard let value = Self.parseV4(text) else { return nil }
      self.init(.v4, value)
    }
  }

  /// Four decimal bytes without leading zeros, which some readers take for octal.
  private static func parseV4(_ text: some StringProtocol) -> UInt128? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt128 = 0
    for part in parts {
      guard part.utf8.count <= 3, part.utf8.allSatisfy({ (48...57).contains($0) }), let byte = UInt8(part),
        part == "0" || part.utf8.first != UInt8(ascii: "0")
      else { return nil }
      value = value << 8 | UInt128(byte)
    }
    return value
  }

  private static func parseV6(_ text: some StringProtocol) -> UInt128? {
    let pieces = text.split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
    var groups: [UInt16] = []
    var gap: Int?
    var index = 0
    while index < pieces.count {
      let piece = pieces[index]
      if piece.isEmpty {
        // "::" shows as one empty piece inside, and as two at either end.
        guard gap == nil else { return nil }
        if index == 0 {
          guard pieces.count > 2, pieces[1].isEmpty else { return nil }
          index += 1
          if pieces.count == 3, pieces[2].isEmpty { index += 1 }
        } else if index == pieces.count - 2, pieces[index + 1].isEmpty {
          index += 1
        } else if index == pieces.count - 1 {
          return nil
        }
        gap = groups.count
      } else if piece.utf8.contains(UInt8(ascii: ".")) {
        guard index == pieces.count - 1, let v4 = parseV4(piece) else { return nil }
        groups.append(UInt16(truncatingIfNeeded: v4 >> 16))
        groups.append(UInt16(truncatingIfNeeded: v4))
      } else {
        guard piece.utf8.count <= 4, piece.utf8.first != UInt8(ascii: "+"), let group = UInt16(piece, radix: 16)
        else { return nil }
        groups.append(group)
      }
      index += 1
    }
    if let gap {
      guard groups.count <= 7 else { return nil }
      groups.insert(contentsOf: Array(repeating: 0, count: 8 - groups.count), at: gap)
    }
    guard groups.count == 8 else { return nil }
    return groups.reduce(0) { $0 << 16 | UInt128($1) }
  }
}

extension IPAddress: Comparable {
  package static func < (left: IPAddress, right: IPAddress) -> Bool {
    left.family == right.family ? left.value < right.value : left.family == .v4
  }
}

extension IPAddress: CustomStringConvertible {
  /// Dotted decimal, or the canonical form of RFC 5952.
  package var description: String {
    guard family == .v6 else {
      let bytes = bytes
      return "\(bytes[0]).\(bytes[1]).\(bytes[2]).\(bytes[3])"
    }
    let groups = (0..<8).map { UInt16(truncatingIfNeeded: value >> UInt128(16 * (7 - $0))) }
    let zeros = Self.longestZeroRun(groups)
    // Written out: `joined` looks up conformances at run time, which alone was a sixteenth of what an ADD computes.
    var text = ""
    for (index, group) in groups.enumerated() where !zeros.contains(index) {
      if index > 0 { text += index == zeros.upperBound ? "::" : ":" }
      text += String(group, radix: 16)
    }
    return zeros.upperBound == groups.count ? text + "::" : text
  }

  /// The first of the longest runs of groups that are zero; empty if no run has two.
  private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int> {
    var best = 0..<0
    var start = 0
    for index in 0...groups.count where index == groups.count || groups[index] != 0 {
      if index - start > max(1, best.count) { best = start..<index }
      start = index + 1
    }
    return best
  }
}
