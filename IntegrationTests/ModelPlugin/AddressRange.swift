import CNI
import FaultTable
import JSON

/// Addresses that may be given out: a network without its first address, its last one, and the gateway's.
struct AddressRange {
  let subnet: IPPrefix
  let gateway: IPPrefix
  private let first: UInt128
  private let last: UInt128

  /// The sets of ranges; each attachment gets one address of each set.
  ///
  /// - Throws: code 7 if there is none, or one without usable addresses.
  static func sets(in options: JSONObject) throws(Failure) -> [[AddressRange]] {
    let single = options["subnet"] == nil ? [] : [JSONValue.array([.object(options)])]
    var sets: [[AddressRange]] = []
    for set in (options["ranges"]?.array ?? []) + single {
      var ranges: [AddressRange] = []
      for range in set.array ?? [] { ranges.append(try AddressRange(range)) }
      if !ranges.isEmpty { sets.append(ranges) }
    }
    guard !sets.isEmpty else {
      throw Failure(code: .invalidConfiguration, message: "configuration key \"ipam\" has no ranges of addresses")
    }
    return sets
  }

  private init(_ value: JSONValue) throws(Failure) {
    let invalid = Failure(
      code: .invalidConfiguration, message: "cannot use the address range \(value.text().prefix(60))")
    guard let subnet = value["subnet"]?.string.flatMap(IPPrefix.init), subnet.length <= subnet.bitCount - 2 else {
      throw invalid
    }
    self.subnet = subnet
    gateway = value["gateway"]?.string.flatMap(IPPrefix.init) ?? subnet.with(subnet.network + 1)
    // The last address of an IPv6 network is one like any other.
    first = value["rangeStart"]?.string.flatMap(IPPrefix.init)?.value ?? subnet.network + 1
    last = value["rangeEnd"]?.string.flatMap(IPPrefix.init)?.value ?? subnet.last - (subnet.isIPv6 ? 0 : 1)
    guard first <= last, first > subnet.network, last <= subnet.last else { throw invalid }
  }

  func contains(_ address: IPPrefix) -> Bool {
    address.isIPv6 == subnet.isIPv6 && (first...last).contains(address.value)
  }

  func isUsable(_ value: UInt128, isIPv6: Bool) -> Bool {
    isIPv6 == subnet.isIPv6 && (first...last).contains(value)
      && (value != gateway.value || fault == .handsOutTheGateway)
  }

  /// The next address that is not taken.
  ///
  /// - Parameters:
  ///   - taken: addresses as text.
  ///   - previous: the one that was given out last: what was given back waits until the others had their turn.
  func firstFree(_ taken: Set<String>, after previous: IPPrefix?) -> IPPrefix? {
    var value = previous.map { contains($0) && $0.value < last ? $0.value + 1 : first } ?? first
    // Each step meets a taken address, the gateway, or the one that is looked for.
    for _ in 0...min(last - first, UInt128(taken.count) + 1) {
      let candidate = subnet.with(value)
      if isUsable(value, isIPv6: subnet.isIPv6), !taken.contains(candidate.address) { return candidate }
      value = value < last ? value + 1 : first
    }
    return nil
  }
}
