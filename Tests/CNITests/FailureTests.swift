import CNI
import JSON
import Testing

@Suite struct FailureTests {
  @Test("the error object carries the version of the request", arguments: SpecVersion.allSupported)
  func labelsWithVersion(version: SpecVersion) {
    let failure = Failure(code: .io, message: "cannot read stdin", details: "EIO (5)")
    let text = String(decoding: failure.serialized(version: version), as: UTF8.self)
    #expect(
      text == """
        {"cniVersion":"\(version.rawValue)","code":5,"msg":"cannot read stdin","details":"EIO (5)"}

        """)
  }

  @Test("empty details are left out, and an unknown version is the newest")
  func leavesOutDetails() {
    let text = String(decoding: Failure(code: .tryAgainLater, message: "later").serialized(version: nil), as: UTF8.self)
    #expect(text == #"{"cniVersion":"1.1.0","code":11,"msg":"later"}"# + "\n")
  }

  static let messages: [(message: String, printed: String)] = [
    ("one\ntwo", "one two"),
    ("one\r\n\t\u{1b}two\n", "one two "),
    ("one\u{2028}two\u{85}three", "one two three"),
    (String(repeating: "é", count: 200), String(repeating: "é", count: 200)),
    (String(repeating: "é", count: 201), String(repeating: "é", count: 199) + "…"),
  ]

  @Test("the message is printed as one short line", arguments: messages)
  func printsOneLine(message: String, printed: String) throws {
    let bytes = Failure(code: .io, message: message).serialized(version: .v1_0_0)
    #expect(try JSONValue(parsing: bytes)["msg"]?.string == printed)
  }

  static let codes: [(code: Failure.Code, number: Int)] = [
    (.incompatibleVersion, 1), (.unsupportedField, 2), (.unknownContainer, 3), (.invalidEnvironment, 4), (.io, 5),
    (.decoding, 6), (.invalidConfiguration, 7), (.invalidNamespace, 8), (.tryAgainLater, 11), (.notAvailable, 50),
    (.limitedConnectivity, 51), (.pluginSpecific(100), 100), (.pluginSpecific(999), 999),
  ]

  @Test("codes have the specification's numbers", arguments: codes)
  func numbersCodes(code: Failure.Code, number: Int) {
    #expect(code.rawValue == number)
  }

  @Test("reserved codes cannot be taken for the plugin's own")
  func refusesReservedCodes() async {
    await #expect(processExitsWith: .failure) { _ = Failure.Code.pluginSpecific(99) }
  }
}
