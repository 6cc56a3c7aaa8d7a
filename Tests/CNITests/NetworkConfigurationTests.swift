import CNI
import JSON
import Testing

@Suite struct NetworkConfigurationTests {
  static func parse(_ text: String) throws(Failure) -> NetworkConfiguration {
    try NetworkConfiguration(parsing: Array(text.utf8))
  }

  @Test("the standard keys are read, and unknown ones kept", arguments: SpecVersion.allSupported)
  func readsKeys(version: SpecVersion) throws {
    let text = """
      {"cniVersion": "\(version.rawValue)", "name": "mesh", "type": "istio-cni", "disableCheck": true,
       "capabilities": {"x": true}, "args": {"labels": []}, "cni.dev/foo": 1e0,
       "runtimeConfig": {"io.kubernetes.cri.pod-annotations": {"a": "b"}}, "prevResult": {"ips": []}}
      """
    let configuration = try Self.parse(text)
    #expect(configuration.version == version)
    #expect(configuration.name == "mesh")
    #expect(configuration.type == "istio-cni")
    #expect(configuration.previousResult == ["ips": []])
    #expect(configuration.runtimeConfig == ["io.kubernetes.cri.pod-annotations": ["a": "b"]])
    #expect(JSONValue.object(configuration.object) == (try JSONValue(parsing: Array(text.utf8))))
  }

  @Test(
    "null is as good as absent",
    arguments: [
      #"{"name":"mesh"}"#,
      #"{"name":"mesh","type":null,"prevResult":null,"runtimeConfig":null,"dns":null,"ipam":null,"args":null}"#,
    ])
  func treatsNullAsAbsent(text: String) throws {
    let configuration = try Self.parse(text)
    #expect(configuration.type.isEmpty)
    #expect(configuration.previousResult == nil)
    #expect(configuration.runtimeConfig == nil)
  }

  @Test("an empty prevResult is there")
  func keepsEmptyPreviousResult() throws {
    #expect(try Self.parse(#"{"name":"mesh","prevResult":{}}"#).previousResult == [:])
  }

  @Test("without a version it is 0.1.0", arguments: [#"{"name":"mesh"}"#, #"{"name":"mesh","cniVersion":""}"#])
  func assumesVersion(text: String) throws {
    #expect(try Self.parse(text).version == .v0_1_0)
  }

  @Test("escaped keys and values mean the same")
  func readsEscapes() throws {
    #expect(try Self.parse(#"{"\u006eame":"m\u0065sh"}"#).name == "mesh")
  }

  @Test("valid names are kept", arguments: ["a", "0", "A.b-c_d", String(repeating: "n", count: 300)])
  func acceptsName(name: String) throws {
    #expect(try Self.parse(#"{"name":"\#(name)"}"#).name == name)
  }

  static let unreadable: [(text: String, details: String)] = [
    ("", "it is empty; the container runtime must write it to stdin"),
    ("hello", "not valid JSON: line 1 column 1: expected a value"),
    ("{", "not valid JSON: line 1 column 2: expected a key in quotes or '}', but the text ends here"),
    (#"{"name":"a"}{}"#, "not valid JSON: line 1 column 13: expected nothing more after the value"),
    (
      "\u{FEFF}{}",
      "not valid JSON: line 1 column 1: starts with a byte order mark; save the text as UTF-8 without one"
    ),
    (
      #"{"name":"a","cniVersion":"1.0.0","cniVersion":"0.4.0"}"#,
      #"not valid JSON: line 1 column 34: key "cniVersion" occurs twice in one object"#
    ),
    ("[]", "expected a JSON object, found: array"),
    (#""x""#, "expected a JSON object, found: string"),
    ("7", "expected a JSON object, found: number"),
    ("null", "expected a JSON object, found: null"),
    ("true", "expected a JSON object, found: boolean"),
    (
      #"{"name":"a","x":"\#(String(repeating: "x", count: 4 << 20))"}"#,
      "it is larger than 4 MiB, the most this plugin accepts"
    ),
  ]

  @Test("what is no JSON object is refused", arguments: unreadable.indices)
  func refusesUnreadable(index: Int) {
    let expected = Failure(
      code: .decoding, message: "cannot read the network configuration from stdin",
      details: Self.unreadable[index].details)
    #expect(throws: expected) { try Self.parse(Self.unreadable[index].text) }
  }

  static let mistyped: [(member: String, message: String, kind: String)] = [
    (#""cniVersion":1"#, #"configuration key "cniVersion" must be a string, not 1"#, "number"),
    (#""cniVersion":null"#, #"configuration key "cniVersion" must be a string, not null"#, "null"),
    (#""name":null"#, #"configuration key "name" must be a string, not null"#, "null"),
    (#""name":["x"]"#, #"configuration key "name" must be a string, not ["x"]"#, "array"),
    (#""name":"a","type":1"#, #"configuration key "type" must be a string, not 1"#, "number"),
    (#""name":"a","prevResult":"x""#, #"configuration key "prevResult" must be an object, not "x""#, "string"),
    (#""name":"a","prevResult":[{}]"#, #"configuration key "prevResult" must be an object, not [{}]"#, "array"),
    (#""name":"a","runtimeConfig":7"#, #"configuration key "runtimeConfig" must be an object, not 7"#, "number"),
  ]

  @Test("standard keys of another type are refused", arguments: mistyped)
  func refusesMistyped(member: String, message: String, kind: String) {
    let expected = Failure(
      code: .decoding, message: message,
      details: "found: \(kind); correct it in the network configuration list on the node")
    #expect(throws: expected) { try Self.parse("{\(member)}") }
  }

  @Test(
    "unsupported versions are refused with the list of supported ones",
    arguments: ["9.9.9", "1.2.0", "0.5.0", "2.0.0", "abc", "1", "1.0", "v1.0.0", "1.0.0-rc1", " 1.0.0", "1.0.0.0"])
  func refusesVersion(text: String) {
    let expected = Failure(
      code: .incompatibleVersion,
      message: "cannot serve CNI version \"\(text)\" of the network configuration",
      details: "supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0")
    #expect(throws: expected) { try Self.parse(#"{"name":"mesh","cniVersion":"\#(text)"}"#) }
  }

  @Test("a configuration needs a name", arguments: ["{}", #"{"name":""}"#, #"{"NAME":"mesh"}"#])
  func refusesMissingName(text: String) {
    let expected = Failure(
      code: .invalidConfiguration,
      message: "cannot use a network configuration without a name",
      details: "set \"name\" in the network configuration list")
    #expect(throws: expected) { try Self.parse(text) }
  }

  @Test("names that could leave a directory are refused", arguments: ["-x", "a/b", "..", "../../x", "a b", "é", ".x"])
  func refusesName(name: String) {
    let expected = Failure(
      code: .invalidConfiguration,
      message: "cannot use the network name \"\(name)\"",
      details: "a name is made of ASCII letters, digits, \"_\", \".\" and \"-\" and starts with a letter or digit")
    #expect(throws: expected) { try Self.parse(#"{"name":"\#(name)"}"#) }
  }

  @Test("a name with NUL inside is refused")
  func refusesZeroInName() throws {
    let failure = try #require(throws: Failure.self) { try Self.parse(#"{"name":"a\u0000b"}"#) }
    #expect(failure.message == "cannot use the network name \"a b\"")
  }

  static let labels: [(text: String, version: SpecVersion?)] = [
    (#"{"cniVersion":"0.4.0","name":7}"#, .v0_4_0),
    (#"{"name":7}"#, .v0_1_0),
    (#"{"cniVersion":"9.9.9"}"#, nil),
    (#"{"cniVersion":1}"#, nil),
    (#"{"cniVersion":"0.4.0""#, nil),
    ("", nil),
  ]

  @Test("the version is found in a bad configuration", arguments: labels)
  func findsVersion(text: String, version: SpecVersion?) {
    #expect(NetworkConfiguration.version(in: Array(text.utf8)) == version)
  }
}

@Suite struct OwnKeysTests {
  static let configuration = """
    {"name": "mesh", "text": "x", "flag": true, "count": 1e3, "list": ["a", "b"], "empty": [], "nothing": null,
     "mixed": ["a", 1], "half": 1.5, "secret-ish": "\(String(repeating: "s", count: 500))", "nested": {"a": [1, 2]}}
    """

  let configuration: NetworkConfiguration

  init() throws {
    configuration = try NetworkConfigurationTests.parse(Self.configuration)
  }

  @Test("values of the wanted type are read")
  func readsValues() throws {
    #expect(try configuration.string("text") == "x")
    #expect(try configuration.bool("flag") == true)
    #expect(try configuration.int("count") == 1000)
    #expect(try configuration.strings("list") == ["a", "b"])
    #expect(try configuration.strings("empty") == [])
  }

  @Test("absent and null are nil", arguments: ["absent", "nothing"])
  func readsAbsence(key: String) throws {
    #expect(try configuration.string(key) == nil)
    #expect(try configuration.bool(key) == nil)
    #expect(try configuration.int(key) == nil)
    #expect(try configuration.strings(key) == nil)
  }

  @Test("other types are refused with key and value")
  func refusesOtherTypes() {
    func failure(_ message: String, found kind: String) -> Failure {
      Failure(
        code: .invalidConfiguration, message: message,
        details: "found: \(kind); correct it in the network configuration list on the node")
    }
    #expect(throws: failure(#"configuration key "count" must be a string, not 1e3"#, found: "number")) {
      try configuration.string("count")
    }
    #expect(throws: failure(#"configuration key "text" must be true or false, not "x""#, found: "string")) {
      try configuration.bool("text")
    }
    #expect(throws: failure(#"configuration key "half" must be an integer, not 1.5"#, found: "number")) {
      try configuration.int("half")
    }
    #expect(throws: failure(#"configuration key "text" must be a list of strings, not "x""#, found: "string")) {
      try configuration.strings("text")
    }
    #expect(throws: failure(#"configuration key "mixed" must be a list of strings, not ["a",1]"#, found: "array")) {
      try configuration.strings("mixed")
    }
    #expect(throws: failure(#"configuration key "nested" must be a string, not {"a":[1,2]}"#, found: "object")) {
      try configuration.string("nested")
    }
  }

  @Test("long values are cut so that the message stays under 100 characters")
  func cutsLongValues() throws {
    let failure = try #require(throws: Failure.self) { try configuration.strings("secret-ish") }
    let shown = String(repeating: "s", count: 34)
    #expect(failure.message == #"configuration key "secret-ish" must be a list of strings, not "\#(shown)…""#)
    #expect(failure.message.count == 99)
  }
}
