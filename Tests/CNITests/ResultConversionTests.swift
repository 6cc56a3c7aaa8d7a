import CNI
import JSON
import Testing

@Suite struct ResultConversionTests {
  /// What is left of a result of `source` in `target`: the target's own sample, or less where something was lost.
  static func expected(_ source: SpecVersion, _ target: SpecVersion) -> String {
    let dns = #""dns":{"nameservers":["10.9.0.1"],"x":1},"vendor":{"a":[1.0,null]}"#
    let label = #"{"cniVersion":"\#(target.rawValue)","#
    let families = (#""version":"4""#, #""version":"6""#)
    switch (source < .v0_3_0, target < .v0_3_0) {
    case (true, true):
      return SampleResult.text(target)
    case (true, false):
      let (four, six) = target < .v1_0_0 ? ("," + families.0, "," + families.1) : ("", "")
      return label + dns + """
        ,"ips":[{"address":"10.9.0.2/24","gateway":"10.9.0.1"\(four)},{"address":"fd00:9::2/64"\(six)}],\
        "routes":[{"dst":"0.0.0.0/0","gw":"10.9.0.1"},{"dst":"::/0"}]}
        """
    case (false, true):
      return label + dns + """
        ,"ip4":{"ip":"10.9.0.2/24","gateway":"10.9.0.1","routes":[{"dst":"0.0.0.0/0","gw":"10.9.0.1"}]},\
        "ip6":{"ip":"fd00:9::2/64","routes":[{"dst":"::/0"}]}}
        """
    case (false, false):
      guard target == .v1_1_0 else { return SampleResult.text(target) }
      return SampleResult.text(source == .v1_1_0 ? .v1_1_0 : .v1_0_0)
        .replacing("\"1.0.0\"", with: "\"1.1.0\"")
    }
  }

  @Test("every version converts to every other", arguments: SpecVersion.allSupported, SpecVersion.allSupported)
  func converts(source: SpecVersion, target: SpecVersion) throws {
    let text = SampleResult.text(source)
    // The configuration's version is not the result's: the label decides.
    let result = try AttachmentResult(previous: SampleResult.object(text), version: target)
    #expect(JSONValue.object(try result.rendered(as: target)).text() == Self.expected(source, target))
  }

  static let losses: [(text: String, kept: String)] = [
    // Not the bridge's address, though it comes first.
    (
      """
      {"interfaces":[{"name":"br0"},{"name":"eth0","sandbox":"/n"}],
       "ips":[{"interface":0,"address":"10.9.0.1/24"},{"interface":1,"address":"10.9.0.2/24"},
              {"interface":1,"address":"10.9.0.3/24"}]}
      """, #"{"cniVersion":"0.2.0","ip4":{"ip":"10.9.0.2/24"}}"#
    ),
    // Routes go to their own family, without attributes; a family without address takes its routes along.
    (
      """
      {"ips":[{"address":"fd00::2/64"}],
       "routes":[{"dst":"fd01::/64","gw":"fd00::1","mtu":9000},{"dst":"10.0.0.0/8"}]}
      """,
      #"{"cniVersion":"0.2.0","ip6":{"ip":"fd00::2/64","routes":[{"dst":"fd01::/64","gw":"fd00::1"}]}}"#
    ),
  ]

  @Test("below 0.3.0 the container's first address of each family is kept", arguments: losses)
  func keepsFirstAddress(text: String, kept: String) throws {
    let result = try AttachmentResult(previous: SampleResult.object(text), version: .v1_0_0)
    #expect(JSONValue.object(try result.rendered(as: .v0_2_0)).text() == kept)
  }

  @Test(
    "below 0.3.0 a result needs an address", arguments: [SpecVersion.v0_1_0, .v0_2_0],
    [
      #"{"interfaces":[{"name":"eth0","sandbox":"/n"}]}"#,
      #"{"interfaces":[{"name":"br0"}],"ips":[{"address":"10.9.0.1/24","interface":0}]}"#,
      #"{"routes":[{"dst":"0.0.0.0/0"}]}"#,
    ])
  func needsAddress(target: SpecVersion, text: String) throws {
    let result = try AttachmentResult(previous: SampleResult.object(text), version: .v1_1_0)
    let expected = Failure(
      code: .incompatibleVersion,
      message: "cannot express prevResult in CNI version \(target.rawValue): it has no address",
      details: "results below 0.3.0 need an address inside the container; "
        + "raise cniVersion in the network configuration list")
    #expect(throws: expected) { try result.rendered(as: target) }
  }
}
