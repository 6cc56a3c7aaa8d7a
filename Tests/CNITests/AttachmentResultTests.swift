import CNI
import JSON
import Testing

/// Results of one dual-stack attachment, as each family of versions writes it.
enum SampleResult {
  static func text(_ version: SpecVersion) -> String {
    switch version {
    case .v0_1_0, .v0_2_0:
      return """
        {"cniVersion":"\(version.rawValue)",\
        "ip4":{"ip":"10.9.0.2/24","gateway":"10.9.0.1","routes":[{"dst":"0.0.0.0/0","gw":"10.9.0.1"}]},\
        "ip6":{"ip":"fd00:9::2/64","routes":[{"dst":"::/0"}]},\
        "dns":{"nameservers":["10.9.0.1"],"x":1},"vendor":{"a":[1.0,null]}}
        """
    default:
      let families = version < .v1_0_0 ? (#","version":"4""#, #","version":"6""#) : ("", "")
      let interface = version == .v1_1_0 ? #","mtu":1450,"socketPath":"/s","pciID":"0:1""# : ""
      let route = version == .v1_1_0 ? #","mtu":0,"advmss":9,"priority":1,"table":0,"scope":0"# : ""
      return """
        {"cniVersion":"\(version.rawValue)",\
        "interfaces":[{"name":"vh0","mac":"aa:bb:cc:dd:ee:01"},\
        {"name":"eth0","mac":"aa:bb:cc:dd:ee:02","sandbox":"/run/netns/a"\(interface),"x":"y"}],\
        "ips":[{"interface":1,"address":"10.9.0.2/24","gateway":"10.9.0.1"\(families.0)},\
        {"interface":1,"address":"fd00:9::2/64"\(families.1)}],\
        "routes":[{"dst":"0.0.0.0/0","gw":"10.9.0.1"\(route)},{"dst":"::/0"\(route),"z":[]}],\
        "dns":{"nameservers":["10.9.0.1"],"x":1},"vendor":{"a":[1.0,null]}}
        """
    }
  }

  static func object(_ text: String) throws -> JSONObject {
    try #require(try JSONValue(parsing: Array(text.utf8)).object)
  }
}

@Suite struct AttachmentResultTests {
  static func render(_ text: String, _ version: SpecVersion, as target: SpecVersion? = nil) throws -> String {
    let result = try AttachmentResult(previous: SampleResult.object(text), version: version)
    return JSONValue.object(try result.rendered(as: target ?? version)).text()
  }

  @Test("a result passes through unchanged in its own version", arguments: SpecVersion.allSupported)
  func passesThrough(version: SpecVersion) throws {
    let text = SampleResult.text(version)
    #expect(try Self.render(text, version) == text)
  }

  @Test("the DNS servers of the chain are known", arguments: SpecVersion.allSupported)
  func nameservers(version: SpecVersion) throws {
    let previous = try SampleResult.object(SampleResult.text(version))
    #expect(try AttachmentResult(previous: previous, version: version).nameservers == ["10.9.0.1"])
    #expect(try AttachmentResult(previous: nil, version: version).nameservers == [])
  }

  @Test("below 0.3.0 each family may name its own DNS servers")
  func nameserversOfFamilies() throws {
    let previous: JSONObject = [
      "ip4": ["ip": "10.9.0.2/24", "dns": ["nameservers": ["10.9.0.1"]]],
      "ip6": ["ip": "fd00:9::2/64", "dns": ["nameservers": ["fd00:9::1"]]],
    ]
    #expect(
      try AttachmentResult(previous: previous, version: .v0_2_0).nameservers == ["10.9.0.1", "fd00:9::1"])
  }

  @Test("without a label it is labelled in front with the version asked", arguments: SpecVersion.allSupported)
  func addsLabel(version: SpecVersion) throws {
    let text = #"{"x":1,"dns":{}}"#
    #expect(try Self.render(text, version) == #"{"cniVersion":"\#(version.rawValue)","x":1,"dns":{}}"#)
  }

  @Test(
    "an empty label is replaced in its place", arguments: SpecVersion.allSupported, [#""""#, "null"])
  func fillsLabel(version: SpecVersion, label: String) throws {
    let text = #"{"x":1,"cniVersion":\#(label)}"#
    #expect(try Self.render(text, version) == #"{"x":1,"cniVersion":"\#(version.rawValue)"}"#)
  }

  @Test("the first plugin of a chain returns an empty result", arguments: SpecVersion.allSupported)
  func rendersNothing(version: SpecVersion) throws {
    let result = try AttachmentResult(previous: nil, version: version)
    #expect(try result.rendered(as: version) == ["cniVersion": .string(version.rawValue), "dns": [:]])
    #expect(result.addresses == [])
  }

  @Test(
    "a result without anything in it renders in every version",
    arguments: SpecVersion.allSupported, SpecVersion.allSupported)
  func rendersEmptiness(source: SpecVersion, target: SpecVersion) throws {
    for text in ["{}", #"{"ips":[],"interfaces":null,"routes":[]}"#] {
      let output = try SampleResult.object(try Self.render(text, source, as: target))
      #expect(output["cniVersion"]?.string == target.rawValue)
    }
  }

  @Test("fields of 1.1.0 do not come out under an older label", arguments: SpecVersion.allSupported)
  func removesExtendedFields(version: SpecVersion) throws {
    let spiked =
      if version < .v0_3_0 {
        #"{"ip4":{"ip":"10.9.0.2/24","routes":[{"dst":"0.0.0.0/0","mtu":1,"scope":0,"x":1}]}}"#
      } else {
        """
        {"interfaces":[{"name":"eth0","mtu":1,"socketPath":"s","pciID":"p","x":1}],\
        "routes":[{"dst":"::/0","mtu":1,"advmss":1,"priority":1,"table":0,"scope":0,"x":1}]}
        """
      }
    let clean =
      if version < .v0_3_0 {
        #""ip4":{"ip":"10.9.0.2/24","routes":[{"dst":"0.0.0.0/0","x":1}]}}"#
      } else {
        #""interfaces":[{"name":"eth0","x":1}],"routes":[{"dst":"::/0","x":1}]}"#
      }
    let expected = version < .v1_1_0 ? clean : String(spiked.dropFirst())
    #expect(try Self.render(spiked, version) == #"{"cniVersion":"\#(version.rawValue)","# + expected)
  }

  @Test("many members keep order, count and indexes", arguments: SpecVersion.allSupported.filter { $0 >= .v0_3_0 })
  func keepsOrder(version: SpecVersion) throws {
    let interfaces = (0..<62).map { #"{"name":"i\#(61 - $0)","sandbox":"/n"}"# }
    let family = version < .v1_0_0 ? #","version":"4""# : ""
    let ips = (0..<61).map {
      #"{"address":"10.9.0.\#($0)/24"\#($0 == 7 ? "" : #","interface":\#(61 - $0)"#)\#(family)}"#
    }
    let routes = (0..<2500).map { #"{"dst":"10.\#($0 / 250).\#($0 % 250).0/24"}"# }
    let text = """
      {"cniVersion":"\(version.rawValue)","routes":[\(routes.joined(separator: ","))],\
      "ips":[\(ips.joined(separator: ","))],"interfaces":[\(interfaces.joined(separator: ","))]}
      """
    #expect(try Self.render(text, version) == text)
  }

  // MARK: Addresses

  @Test("the container's addresses are found in every version", arguments: SpecVersion.allSupported)
  func findsAddresses(version: SpecVersion) throws {
    let result = try AttachmentResult(previous: SampleResult.object(SampleResult.text(version)), version: version)
    #expect(result.addresses == ["10.9.0.2/24", "fd00:9::2/64"])
  }

  static let owners: [(text: String, addresses: [String])] = [
    (#"{"ips":[{"address":"10.0.0.1/8"},{"address":"::1/64","interface":null}]}"#, ["10.0.0.1/8", "::1/64"]),
    (#"{"ips":[{"address":"10.0.0.1/8","interface":0}]}"#, ["10.0.0.1/8"]),
    (
      """
      {"interfaces":[{"name":"br0"},{"name":"vh0","sandbox":""},{"name":"eth0","sandbox":"/n"}],
       "ips":[{"address":"10.0.0.1/8","interface":0},{"address":"10.0.0.2/8","interface":2},
              {"address":"10.0.0.3/8","interface":1},{"address":"10.0.0.4/8"},{"gateway":"10.0.0.1"}]}
      """, ["10.0.0.2/8", "10.0.0.4/8"]
    ),
  ]

  @Test("addresses of node-side interfaces do not count", arguments: owners)
  func skipsNodeSide(text: String, addresses: [String]) throws {
    let result = try AttachmentResult(previous: SampleResult.object(text), version: .v1_0_0)
    #expect(result.addresses == addresses)
  }
}
