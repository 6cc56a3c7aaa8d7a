/// A prefix of addresses such as `10.0.0.0/8`; host bits are masked away.
package struct CIDR: Sendable, Hashable {
  /// The first address of the prefix.
  package let address: IPAddress
  package let prefixLength: Int

  package init(_ address: IPAddress, prefixLength: Int) {
    let hostBits = UInt128(address.family.bitWidth - prefixLength)
    self.address = IPAddress(address.family, hostBits == 128 ? 0 : (address.value >> hostBits) << hostBits)
    self.prefixLength = prefixLength
  }

  /// The prefix that holds this one address.
  package init(_ address: IPAddress) {
    self.init(address, prefixLength: address.family.bitWidth)
  }

  /// Reads `ADDRESS/LENGTH`; nil without a length, or with one that the family does not have.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPAddress(parts[0]), (1...3).contains(parts[1].utf8.count),
      parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let length = Int(parts[1]),
      length <= address.family.bitWidth
    else { return nil }
    self.init(address, prefixLength: length)
  }

  package var family: IPFamily { address.family }

  /// The first to the last address.
  package var range: ClosedRange<IPAddress> {
    let hostBits = UInt128(family.bitWidth - prefixLength)
    let hosts: UInt128 = hostBits == 128 ? .max : (1 << hostBits) - 1
    return address...IPAddress(family, address.value | hosts)
  }

  package func contains(_ other: IPAddress) -> Bool {
    other.family == family && range.contains(other)
  }
}

extension CIDR: CustomStringConvertible {
  package var description: String { "\(address)/\(prefixLength)" }
}

extension Sequence<CIDR> {
  /// The prefixes of one family as sorted ranges that neither overlap nor touch, which is what the kernel's interval
  /// sets demand (nft_set_rbtree refuses overlapping intervals with EEXIST).
  package func ranges(_ family: IPFamily) -> [ClosedRange<IPAddress>] {
    let sorted = filter { $0.family == family }.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
    var merged: [ClosedRange<IPAddress>] = []
    for range in sorted {
      guard let last = merged.last,
        last.upperBound.value == .max || range.lowerBound.value <= last.upperBound.value + 1
      else {
        merged.append(range)
        continue
      }
      merged[merged.count - 1] = last.lowerBound...Swift.max(last.upperBound, range.upperBound)
    }
    return merged
  }
}

extension ClosedRange<IPAddress> {
  /// The fewest prefixes that hold exactly these addresses, in ascending order. Both ends are of one family.
  ///
  /// - Complexity: at most two prefixes for each bit of an address.
  package var prefixes: [CIDR] {
    let bitWidth = lowerBound.family.bitWidth
    var prefixes: [CIDR] = []
    var next = lowerBound
    while true {
      // The largest one that starts here, made smaller until it ends in the range.
      var prefix = CIDR(next, prefixLength: bitWidth - Swift.min(next.value.trailingZeroBitCount, bitWidth))
      while prefix.range.upperBound > upperBound {
        prefix = CIDR(next, prefixLength: prefix.prefixLength + 1)
      }
      prefixes.append(prefix)
      let last = prefix.range.upperBound
      if last == upperBound { return prefixes }
      next = IPAddress(last.family, last.value + 1)
    }
  }
}
