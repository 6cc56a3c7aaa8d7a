/// Reads an IP address with prefix length, `10.9.0.2/24` or `fd00:9::2/64`, as results spell addresses and routes.
///
/// Only its family is of interest here. What is accepted is what the reference library accepts, since the runtime
/// reads the same text after us: no leading zeros, no zone, host bits may be set.
struct AddressPrefix {
  enum Family: String {
    case v4 = "4"
    case v6 = "6"
  }

  let family: Family

  init?(_ text: String) {
    let parts = Array(text.utf8).split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let length = Self.decimal(parts[1], atMost: 128) else { return nil }
    if Self.isIPv4(parts[0]) {
      guard length <= 32 else { return nil }
      family = .v4
    } else {
      guard Self.isIPv6(parts[0]) else { return nil }
      family = .v6
    }
  }

  private static func isIPv4(_ text: ArraySlice<UInt8>) -> Bool {
    let octets = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return octets.count == 4 && octets.allSatisfy { decimal($0, atMost: 255) != nil }
  }

  private static func isIPv6(_ text: ArraySlice<UInt8>) -> Bool {
    let colon = UInt8(ascii: ":")
    let gap = text.indices.dropLast().first { text[$0] == colon && text[$0 + 1] == colon }
    guard let gap else {
      return groupCount(text, mayEndInIPv4: true) == 8
    }
    guard let left = groupCount(text[..<gap], mayEndInIPv4: false),
      let right = groupCount(text[gap...].dropFirst(2), mayEndInIPv4: true)
    else { return false }
    // `::` stands for at least one group.
    return left + right <= 7
  }

  /// The number of 16-bit groups in a part of an IPv6 address; nil if it has anything else.
  private static func groupCount(_ text: ArraySlice<UInt8>, mayEndInIPv4: Bool) -> Int? {
    guard !text.isEmpty else { return 0 }
    var groups = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    var count = groups.count
    if mayEndInIPv4, let last = groups.last, isIPv4(last) {
      groups.removeLast()
      count += 1
    }
    let areValid = groups.allSatisfy { group in
      (1...4).contains(group.count) && group.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
    }
    return areValid ? count : nil
  }

  private static func decimal(_ text: ArraySlice<UInt8>, atMost limit: Int) -> Int? {
    guard (1...3).contains(text.count), text.count == 1 || text.first != UInt8(ascii: "0") else { return nil }
    var value = 0
    for byte in text {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return value <= limit ? value : nil
  }
}
