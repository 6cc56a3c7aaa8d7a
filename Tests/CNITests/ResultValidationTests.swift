import CNI
import JSON
import Testing

@Suite struct ResultValidationTests {
  static let lists: [(text: String, fault: String)] = [
    (#"{"interfaces":{}}"#, "interfaces is not a list: {}"),
    (#"{"interfaces":[null]}"#, "interfaces[0] is not an object: null"),
    (#"{"ips":"x"}"#, #"ips is not a list: "x""#),
    (#"{"ips":[{},null]}"#, "ips[1] is not an object: null"),
    (#"{"ips":[{"address":7}]}"#, "ips[0].address is not a CIDR address: 7"),
    (#"{"ips":[{"address":"10.9.0.2"}]}"#, #"ips[0].address is not a CIDR address: "10.9.0.2""#),
    (#"{"ips":[{"address":"10.9.0/24"}]}"#, #"ips[0].address is not a CIDR address: "10.9.0/24""#),
    (#"{"ips":[{"interface":"0"}]}"#, #"ips[0].interface is not an index: "0""#),
    (#"{"ips":[{"interface":0.5}]}"#, "ips[0].interface is not an index: 0.5"),
    (#"{"ips":[{"interface":-1}]}"#, "ips[0].interface is not an index: -1"),
    (#"{"ips":[{"interface":1}],"interfaces":[{}]}"#, "ips[0].interface is not below 1: 1"),
    (#"{"ips":[{"interface":99}],"interfaces":[{}]}"#, "ips[0].interface is not below 1: 99"),
    (#"{"routes":7}"#, "routes is not a list: 7"),
    (#"{"routes":[[]]}"#, "routes[0] is not an object: []"),
    (#"{"routes":[{"dst":"default"}]}"#, #"routes[0].dst is not a CIDR address: "default""#),
    (#"{"cniVersion":1.0}"#, "cniVersion is not a string: 1.0"),
  ]

  @Test(
    "a malformed result is refused with the member's name",
    arguments: lists, SpecVersion.allSupported.filter { $0 >= .v0_3_0 })
  func refusesMalformedLists(row: (text: String, fault: String), version: SpecVersion) {
    #expect(throws: Self.failure(row.fault)) {
      try AttachmentResult(previous: SampleResult.object(row.text), version: version)
    }
  }

  static let families: [(text: String, fault: String)] = [
    (#"{"ip4":[]}"#, "ip4 is not an object: []"),
    (#"{"ip4":{"ip":"10.9.0.2"}}"#, #"ip4.ip is not a CIDR address: "10.9.0.2""#),
    (#"{"ip6":{"ip":1}}"#, "ip6.ip is not a CIDR address: 1"),
    (#"{"ip6":{"routes":{}}}"#, "ip6.routes is not a list: {}"),
    (#"{"ip6":{"routes":[null]}}"#, "ip6.routes[0] is not an object: null"),
    (#"{"ip4":{"routes":[{"dst":""}]}}"#, #"ip4.routes[0].dst is not a CIDR address: """#),
  ]

  @Test("so is one in the old shape", arguments: families, [SpecVersion.v0_1_0, .v0_2_0])
  func refusesMalformedFamilies(row: (text: String, fault: String), version: SpecVersion) {
    #expect(throws: Self.failure(row.fault)) {
      try AttachmentResult(previous: SampleResult.object(row.text), version: version)
    }
  }

  static func failure(_ fault: String) -> Failure {
    Failure(
      code: .decoding, message: "cannot pass on prevResult: \(fault)",
      details: "a plugin earlier in the chain returned it; look for its fault, a retry is unlikely to help")
  }

  @Test("a label that is no version is refused", arguments: SpecVersion.allSupported)
  func refusesUnknownLabel(version: SpecVersion) {
    let expected = Failure(
      code: .incompatibleVersion, message: "cannot serve CNI version \"9.9.9\" of prevResult",
      details: "supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0")
    #expect(throws: expected) { try AttachmentResult(previous: ["cniVersion": "9.9.9"], version: version) }
  }

  @Test(
    "what is merely absent or null is fine",
    arguments: [
      #"{"interfaces":null,"ips":null,"routes":null,"dns":null}"#, #"{"ips":[{"interface":null,"address":null}]}"#,
      #"{"ips":[{"address":"10.9.0.2/24","interface":0}]}"#, #"{"routes":[{"gw":"10.9.0.1"}]}"#,
      #"{"ip4":null,"ip6":{}}"#,
    ], SpecVersion.allSupported)
  func acceptsAbsence(text: String, version: SpecVersion) throws {
    let previous = try SampleResult.object(text)
    #expect(throws: Never.self) { try AttachmentResult(previous: previous, version: version) }
  }
}
