import CNI
import JSON
import Testing

@testable import Conformance

@Suite struct ResultShapeTests {
  private static let families: JSONObject = [
    "cniVersion": "0.2.0",
    "ip4": ["ip": "10.9.0.2/24", "gateway": "10.9.0.1", "routes": [["dst": "0.0.0.0/0", "gw": "10.9.0.1"]]],
    "dns": ["nameservers": ["192.0.2.53"], "domain": "example.test"],
  ]
  private static let lists: JSONObject = [
    "cniVersion": "1.0.0",
    "interfaces": [["name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/a"]],
    "ips": [["address": "fd00::2/64", "gateway": "fd00::1", "interface": 0]],
    "routes": [["dst": "::/0"]],
    "dns": nil,
  ]

  @Test("results of their own shape fit")
  func fits() {
    #expect(ResultShape(version: .v0_2_0).faults(in: Self.families) == [])
    #expect(ResultShape(version: .v1_0_0).faults(in: Self.lists) == [])
    let stated = Self.lists.patched(with: ["ips": [["address": "fd00::2/64", "version": "6"]]])
    #expect(ResultShape(version: .v0_4_0).faults(in: stated) == [])
    let extended = Self.lists.patched(with: ["routes": [["dst": "::/0", "mtu": 1400, "table": 0, "scope": 0]]])
    #expect(ResultShape(version: .v1_1_0).faults(in: extended) == [])
  }

  @Test(
    "what a version does not know, wants, or means otherwise is named",
    arguments: [
      (SpecVersion.v1_0_0, Self.families, "ip4 does not belong there"),
      (
        .v0_2_0, Self.lists, "interfaces does not belong there; ips does not belong there; routes does not belong there"
      ),
      (.v0_4_0, Self.lists, "ips[0].version is missing"),
      (.v1_0_0, ["ips": []], "cniVersion is missing"),
      (.v0_2_0, ["cniVersion": "0.2.0", "ip6": ["gateway": "fd00::1"]], "ip6.ip is missing"),
      (.v1_0_0, ["cniVersion": 1], "cniVersion is not a string: 1"),
      (
        .v1_0_0, ["cniVersion": "", "interfaces": [["name": "a", "mtu": 1500]]],
        "interfaces[0].mtu does not belong there"
      ),
      (.v1_1_0, ["cniVersion": "", "interfaces": [nil]], "interfaces[0] is of kind null"),
      (
        .v1_1_0, ["cniVersion": "", "ips": [["address": "10.0.0.1"]]],
        "ips[0].address is not an address with its prefix length: \"10.0.0.1\""
      ),
      (
        .v0_3_1, ["cniVersion": "", "ips": [["address": "10.0.0.1/8", "version": "6"]]], "ips[0].version is 6"
      ),
      (
        .v1_1_0, ["cniVersion": "", "ips": [["address": "10.0.0.1/8", "interface": -1]]],
        "ips[0].interface is -1 of 0 interfaces"
      ),
      (.v1_0_0, ["cniVersion": "", "routes": [["dst": "::/0", "table": 0]]], "routes[0].table does not belong there"),
      (.v1_1_0, ["cniVersion": "", "dns": ["search": [1]]], "dns.search is not a list of strings: [1]"),
    ] as [(SpecVersion, JSONObject, String)])
  func faults(version: SpecVersion, result: JSONObject, expected: String) {
    #expect(ResultShape(version: version).faults(in: result).joined(separator: "; ") == expected)
  }
}

@Suite struct NetworkPrefixTests {
  @Test("the ends of a network are its first and last address")
  func ends() throws {
    let prefix = try #require(NetworkPrefix("10.88.5.9/22"))
    #expect(prefix.first == [10, 88, 4, 0])
    #expect(prefix.last == [10, 88, 7, 255])
    let single = try #require(NetworkPrefix("10.88.5.9/32"))
    #expect(single.first == single.last)
    #expect(try #require(NetworkPrefix("fd00::1:2/112")).first == [0xfd] + Array(repeating: 0, count: 12) + [1, 0, 0])
  }

  @Test(
    "what is no address with a prefix length is none", arguments: ["10.0.0.1", "10.0.0.1/33", "10.0.0/8", "x/8", ""])
  func invalid(text: String) {
    #expect(NetworkPrefix(text) == nil)
  }
}
