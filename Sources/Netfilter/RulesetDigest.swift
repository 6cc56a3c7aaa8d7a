package import Redirect

extension Ruleset {
  /// A short text that is another one when another version of this program would put other rules into a pod.
  ///
  /// It tells versions apart, not friend from foe: in the manner of FNV-1a, in 16 hexadecimal digits.
  package var digest: String {
    var digest = Digest()
    digest.mix(Self.spellingRevision)
    digest.mix(sets) { digest, set in
      digest.mix(set.name)
      digest.mix(set.elements)
    }
    digest.mix(chains) { digest, chain in
      digest.mix(chain.name)
      digest.mix(chain.stage.rawValue)
      digest.mix(chain.hook?.rawValue ?? "")
      digest.mix(chain.rules) { digest, rule in
        digest.mix(rule.matches) { digest, match in digest.mix(match) }
        digest.mix(rule.verdict)
        digest.mix(rule.comment)
      }
    }
    // Whether an address is required is no matter of the rules.
    digest.mix(localAddresses) { digest, address in digest.mix(address.prefix) }
    digest.mix(UInt64(localDelivery?.mark ?? 0))
    digest.mix(UInt64(localDelivery?.routingTable ?? 0))
    return digest.text
  }

  /// Raised when a back end comes to spell the same ruleset in another way.
  private static let spellingRevision: UInt64 = 1
}

private struct Digest {
  private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func mix(_ word: UInt64) {
    hash = (hash ^ word) &* 0x100_0000_01b3
    // FNV takes bytes; of a whole word the upper bits would stay up.
    hash ^= hash >> 29
  }

  /// With its length, so that texts in a row cannot be taken for others.
  mutating func mix(_ text: String) {
    mix(UInt64(text.utf8.count))
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }

  mutating func mix<Element>(_ elements: [Element], _ mixElement: (inout Digest, Element) -> Void) {
    mix(UInt64(elements.count))
    for element in elements { mixElement(&self, element) }
  }

  mutating func mix(_ address: IPAddress) {
    mix(UInt64(address.family.bitWidth))
    mix(UInt64(truncatingIfNeeded: address.value >> 64))
    mix(UInt64(truncatingIfNeeded: address.value))
  }

  mutating func mix(_ prefix: CIDR) {
    mix(prefix.address)
    mix(UInt64(prefix.prefixLength))
  }

  mutating func mix(_ elements: NamedSet.Elements) {
    switch elements {
    case .ports(let ports):
      mix(0 as UInt64)
      mix(ports.ranges) { digest, range in
        digest.mix(UInt64(range.lowerBound.rawValue) << 16 | UInt64(range.upperBound.rawValue))
      }
    case .addresses(let family, let ranges):
      mix(UInt64(family.bitWidth))
      mix(ranges) { digest, range in
        digest.mix(range.lowerBound)
        digest.mix(range.upperBound)
      }
    case .groups(let groups):
      mix(1 as UInt64)
      mix(groups) { digest, group in digest.mix(UInt64(group.rawValue)) }
    }
  }

  mutating func mix(_ match: Match) {
    switch match {
    case .transport(let comparison, let transport): mix(0, comparison, transport.rawValue)
    case .inputInterface(let comparison, let name): mix(1, comparison, name)
    case .outputInterface(let comparison, let name): mix(2, comparison, name)
    case .source(let comparison, let prefix):
      mix(3, comparison, 0)
      mix(prefix)
    case .destination(let comparison, let prefix):
      mix(4, comparison, 0)
      mix(prefix)
    case .sourceInSet(let family, let name):
      mix(5, .equal, UInt64(family.bitWidth))
      mix(name)
    case .destinationInSet(let family, let name):
      mix(6, .equal, UInt64(family.bitWidth))
      mix(name)
    case .sourcePort(let comparison, let port): mix(7, comparison, UInt64(port.rawValue))
    case .destinationPort(let comparison, let port): mix(8, comparison, UInt64(port.rawValue))
    case .destinationPortInSet(let name): mix(9, .equal, name)
    case .user(let user): mix(10, .equal, UInt64(user.rawValue))
    case .group(let group): mix(11, .equal, UInt64(group.rawValue))
    case .groupInSet(let name): mix(12, .equal, name)
    case .mark(let comparison, let mark): mix(13, comparison, UInt64(mark))
    case .connectionMark(let comparison, let mark): mix(14, comparison, UInt64(mark))
    case .connection(let states):
      mix(15, .equal, 0)
      mix(states) { digest, state in digest.mix(state.rawValue) }
    case .isForeign: mix(16, .equal, 0)
    case .isReply: mix(17, .equal, 0)
    }
  }

  mutating func mix(_ verdict: Verdict) {
    switch verdict {
    case .return: mix(20, .equal, 0)
    case .goto(let chain): mix(21, .equal, chain)
    case .drop: mix(22, .equal, 0)
    case .redirect(let port): mix(23, .equal, UInt64(port.rawValue))
    case .transparentProxy(let port): mix(24, .equal, UInt64(port.rawValue))
    case .setMark(let mark): mix(25, .equal, UInt64(mark))
    case .saveMark: mix(26, .equal, 0)
    case .setZone(let zone): mix(27, .equal, UInt64(zone))
    }
  }

  private mutating func mix(_ kind: UInt64, _ comparison: Comparison, _ value: UInt64) {
    mix(kind << 1 | (comparison == .equal ? 0 : 1))
    mix(value)
  }

  private mutating func mix(_ kind: UInt64, _ comparison: Comparison, _ text: String) {
    mix(kind << 1 | (comparison == .equal ? 0 : 1))
    mix(text)
  }

  var text: String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
