import Glibc
import Testing

@testable import CNI

@Suite struct AddressPrefixTests {
  static let texts: [String] = [
    "10.9.0.2", "0.0.0.0", "255.255.255.255", "256.0.0.1", "10.9.0", "10.9.0.2.1", "10.9..2", "", "1", "a.b.c.d",
    "10.9.0.-2", " 10.9.0.2", "::", "::1", "fd00:9::2", "FD00:9::A", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
    "::2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:", ":2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "1::2::3", ":::",
    "1:::2", ":1::2", "12345::", "g::", "::ffff:10.9.0.2", "64:ff9b::10.9.0.2", "1:2:3:4:5:6:10.9.0.2",
    "1:2:3:4:5:6:7:10.9.0.2", "10.9.0.2::", "::10.9.0.256", "::10.9.0.2:1", "fe80::1%eth0", ":", "::1 ",
  ]

  @Test("an address is one to us if it is one to inet_pton", arguments: texts)
  func agreesWithC(text: String) {
    var bytes = in6_addr()
    let isIPv4 = inet_pton(AF_INET, text, &bytes) == 1
    let isIPv6 = inet_pton(AF_INET6, text, &bytes) == 1
    #expect(AddressPrefix(text + "/24")?.family == (isIPv4 ? .v4 : isIPv6 ? .v6 : nil))
  }

  static let lengths: [(text: String, isValid: Bool)] = [
    ("10.9.0.2/0", true), ("10.9.0.2/32", true), ("10.9.0.2/33", false), ("10.9.0.2/", false), ("10.9.0.2", false),
    ("10.9.0.2/024", false), ("10.9.0.2/+24", false), ("10.9.0.2/24/24", false), ("10.9.0.2/255.255.255.0", false),
    ("fd00::2/0", true), ("fd00::2/128", true), ("fd00::2/129", false), ("fd00::2", false), ("/24", false),
    ("010.9.0.2/24", false), ("10.9.0.2/4294967300", false),
  ]

  @Test("the prefix length must be there and fit the family", arguments: lengths)
  func checksLength(text: String, isValid: Bool) {
    #expect((AddressPrefix(text) != nil) == isValid)
  }
}
