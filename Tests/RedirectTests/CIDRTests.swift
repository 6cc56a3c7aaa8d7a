import Redirect
import Testing

@Suite struct CIDRTests {
  @Test(
    "host bits are masked",
    arguments: [
      ("10.9.9.9/8", "10.0.0.0/8"), ("0.0.0.0/0", "0.0.0.0/0"), ("1.2.3.4/0", "0.0.0.0/0"), ("::/0", "::/0"),
      ("2001:db8::1/32", "2001:db8::/32"), ("10.0.0.1/32", "10.0.0.1/32"), ("fd00::5/128", "fd00::5/128"),
    ])
  func masked(text: String, expected: String) throws {
    #expect(try #require(CIDR(text)).description == expected)
  }

  @Test(
    "what is not a prefix is refused",
    arguments: [
      "", "10.0.0.1", "10.0.0.0/33", "::/129", "10.0.0.0/", "/8", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/-1",
    ])
  func refused(text: String) { #expect(CIDR(text) == nil) }

  @Test(
    "ranges neither overlap nor touch",
    arguments: [
      (["10.0.0.0/8", "10.1.0.0/16"], ["10.0.0.0-10.255.255.255"]),
      (["10.0.1.0/24", "10.0.0.0/24"], ["10.0.0.0-10.0.1.255"]),
      (["10.0.2.0/24", "10.0.0.0/24"], ["10.0.0.0-10.0.0.255", "10.0.2.0-10.0.2.255"]),
      (["0.0.0.0/0", "255.255.255.255/32"], ["0.0.0.0-255.255.255.255"]),
      (["fd00::/8", "10.0.0.0/8"], ["10.0.0.0-10.255.255.255"]),
      ([], []),
    ])
  func ranges(texts: [String], expected: [String]) throws {
    let prefixes = try texts.map { try #require(CIDR($0)) }
    #expect(prefixes.ranges(.v4).map { "\($0.lowerBound)-\($0.upperBound)" } == expected)
  }

  @Test("the whole of IPv6 is one range")
  func everything() throws {
    let ranges = [try #require(CIDR("::/0")), try #require(CIDR("ff00::/8"))].ranges(.v6)
    #expect(ranges.map { "\($0.lowerBound)-\($0.upperBound)" } == ["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"])
  }

  @Test("port ranges merge when they touch")
  func ports() {
    let ports = PortSet([Port(80)...Port(90), Port(91)...Port(91), Port(65535)...Port(65535), Port(1)...Port(2)])
    #expect(ports.ranges == [Port(1)...Port(2), Port(80)...Port(91), Port(65535)...Port(65535)])
  }
}
