import Redirect
import Testing

@Suite struct IPAddressTests {
  @Test(
    "text survives reading and printing in canonical form",
    arguments: [
      ("10.0.0.1", "10.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
      ("1::", "1::"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:DB8::A", "2001:db8::a"),
      ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("::ffff:192.0.2.1", "::ffff:c000:201"), ("1:0:2::", "1:0:2::"),
      ("0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"), ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
    ])
  func canonical(text: String, expected: String) throws {
    #expect(try #require(IPAddress(text)).description == expected)
  }

  @Test(
    "what is not an address is refused",
    arguments: [
      "", "10", "10.0.0", "10.0.0.0.1", "256.0.0.1", "010.0.0.1", "1.2.3.+4", "a.b.c.d", " 10.0.0.1", ":", ":::", "1:",
      ":1", "1::2::3", "12345::", "g::", "fe80::1%eth0", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8",
      "::1.2.3", "1.2.3.4::", "::+1", "1:2:3:4:5:6:7:1.2.3.4",
    ])
  func refused(text: String) { #expect(IPAddress(text) == nil) }

  @Test("bytes are in network order")
  func bytes() throws {
    #expect(try #require(IPAddress("10.1.2.3")).bytes == [10, 1, 2, 3])
    #expect(try #require(IPAddress("fd00::1")).bytes == [0xfd] + Array(repeating: 0, count: 14) + [1])
  }

  @Test(
    "loopback is 127/8 and ::1",
    arguments: [("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::6", false), ("128.0.0.1", false)])
  func loopback(text: String, expected: Bool) throws {
    #expect(try #require(IPAddress(text)).isLoopback == expected)
  }
}
