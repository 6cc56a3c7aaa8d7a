import CLinux
import Netlink
import Redirect

extension NamedSet {
  /// The key's type as `nft` numbers it (it prints elements by that), its length in bytes, and whether elements are
  /// ranges. Single ports stay in a hash table, whose cost is constant; ranges need a tree.
  struct Layout {
    let typeNumber: UInt32
    let typeName: String
    let keyLength: UInt32
    let hasRanges: Bool
    /// Whether keys are in the machine's byte order instead of the network's.
    var isHostEndian = false
  }

  var layout: Layout {
    switch elements {
    case .ports(let ports):
      Layout(
        typeNumber: 13, typeName: "inet_service", keyLength: 2,
        hasRanges: ports.ranges.contains { $0.lowerBound != $0.upperBound })
    case .addresses(.v4, _): Layout(typeNumber: 7, typeName: "ipv4_addr", keyLength: 4, hasRanges: true)
    case .addresses(.v6, _): Layout(typeNumber: 8, typeName: "ipv6_addr", keyLength: 16, hasRanges: true)
    case .groups: Layout(typeNumber: 25, typeName: "gid", keyLength: 4, hasRanges: false, isHostEndian: true)
    }
  }

  /// A key in a set: where a range starts, or the first key after it.
  struct Element: Hashable {
    let key: [UInt8]
    let endsRange: Bool
  }

  /// The keys in ascending order. A range that reaches the highest key has no end.
  var keys: [Element] {
    switch elements {
    case .ports(let ports) where !layout.hasRanges:
      ports.ranges.map { Element(key: $0.lowerBound.bytes, endsRange: false) }
    case .ports(let ports):
      ports.ranges.flatMap { range in
        [Element(key: range.lowerBound.bytes, endsRange: false)]
          + (range.upperBound.rawValue == .max
            ? [] : [Element(key: Port(range.upperBound.rawValue + 1).bytes, endsRange: true)])
      }
    case .addresses(let family, let ranges):
      ranges.flatMap { range in
        let next = IPAddress(family, range.upperBound.value &+ 1)
        return [Element(key: range.lowerBound.bytes, endsRange: false)]
          + (next.value == 0 ? [] : [Element(key: next.bytes, endsRange: true)])
      }
    case .groups(let groups): groups.map { Element(key: $0.rawValue.nativeBytes, endsRange: false) }
    }
  }
}
