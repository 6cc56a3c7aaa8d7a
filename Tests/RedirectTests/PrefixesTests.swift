import Redirect
import Testing

@Suite struct PrefixesTests {
  private static func prefixes(_ low: String, _ high: String) throws -> [CIDR] {
    try (#require(IPAddress(low))...#require(IPAddress(high))).prefixes
  }

  @Test(
    "a range becomes the fewest prefixes",
    arguments: [
      ("10.0.0.0", "10.255.255.255", ["10.0.0.0/8"]),
      ("10.0.0.1", "10.0.0.1", ["10.0.0.1/32"]),
      ("10.0.0.1", "10.0.0.6", ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"]),
      ("10.0.0.0", "10.0.2.255", ["10.0.0.0/23", "10.0.2.0/24"]),
      ("0.0.0.0", "255.255.255.255", ["0.0.0.0/0"]),
      ("0.0.0.0", "0.0.0.0", ["0.0.0.0/32"]),
      ("255.255.255.255", "255.255.255.255", ["255.255.255.255/32"]),
      ("255.255.255.254", "255.255.255.255", ["255.255.255.254/31"]),
      ("128.0.0.0", "255.255.255.255", ["128.0.0.0/1"]),
      ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["::/0"]),
      ("::1", "::1", ["::1/128"]),
      ("fd00::", "fd00::1:ffff", ["fd00::/111"]),
      (
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"]
      ),
    ])
  func fewest(low: String, high: String, expected: [String]) throws {
    #expect(try Self.prefixes(low, high).map(\.description) == expected)
  }

  @Test("the longest way through a family takes two prefixes a bit, less two", arguments: IPFamily.allCases)
  func longest(family: IPFamily) {
    let last: UInt128 = family == .v4 ? 0xffff_ffff : .max
    let prefixes = (IPAddress(family, 1)...IPAddress(family, last - 1)).prefixes
    #expect(prefixes.count == 2 * family.bitWidth - 2)
    #expect(prefixes.ranges(family) == [IPAddress(family, 1)...IPAddress(family, last - 1)])
  }
}
