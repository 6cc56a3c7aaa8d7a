import CNI
import JSON
import Testing

@Suite struct NetworkConfigurationFileTests {
  static func file(_ text: String, _ kind: NetworkConfigurationFile.Kind = .list) throws(ConfigurationFault)
    -> NetworkConfigurationFile
  {
    try NetworkConfigurationFile(parsing: Array(text.utf8), kind: kind)
  }

  static let names: [(name: String, kind: NetworkConfigurationFile.Kind?)] = [
    ("10-calico.conflist", .list), ("00-multus.conf", .plugin), ("87-podman.json", .plugin), (".conf", .plugin),
    ("10-calico.conflist.cilium_bak", nil), ("a.conf.tmp", nil), ("conflist", nil), ("a.CONF", nil), ("", nil),
  ]

  @Test("the ending of the name decides what a file holds", arguments: names)
  func readsName(name: String, kind: NetworkConfigurationFile.Kind?) {
    #expect(NetworkConfigurationFile.Kind(fileName: name) == kind)
  }

  @Test("a list says its name, version and plugins")
  func readsList() throws {
    let file = try Self.file(
      """
      {"cniVersion": "0.3.1", "name": "k8s-pod-network", "disableCheck": "TRUE", "cniVersions": ["0.3.1", "1.0.0"],
       "args": {"plugins": [{"type": "not-this"}]},
       "plugins": [{"type": "calico"}, {"type": "portmap", "plugins": [{"type": "nor-this"}]}]}
      """)
    #expect(file.kind == .list)
    #expect(file.name == "k8s-pod-network")
    #expect(file.version == "0.3.1")
    #expect(file.pluginTypes == ["calico", "portmap"])
  }

  @Test("a plugin alone says its name, version and type", arguments: [#""0.4.0""#, nil, "null"])
  func readsPlugin(version: String?) throws {
    let member = version.map { #""cniVersion": \#($0), "# } ?? ""
    let file = try Self.file(#"{\#(member)"name": "mynet", "type": "bridge"}"#, .plugin)
    #expect(file.kind == .plugin)
    #expect(file.name == "mynet")
    #expect(file.version == (version == "null" ? nil : version?.replacing("\"", with: "")))
    #expect(file.pluginTypes == ["bridge"])
    #expect(!file.includesFolder)
  }

  @Test("a list may have plugins in a folder, unless it says otherwise", arguments: ["true", "false", "\"True\"", nil])
  func readsFolderRule(value: String?) throws {
    let member = value.map { #", "loadOnlyInlinedPlugins": \#($0)"# } ?? ""
    let file = try Self.file(#"{"name": "n", "plugins": [{"type": "t"}]\#(member)}"#)
    #expect(file.includesFolder == (value?.lowercased().contains("true") != true))
  }

  typealias Refusal = (text: String, code: ConfigurationFault.Code, isLoadable: Bool, description: String)

  static let rewrite = "correct the file, or let the CNI plugin that owns it write it anew"
  static let naming = #"use ASCII letters, digits, "_", "." and "-", and start with a letter or digit"#

  static let refusedLists: [Refusal] = [
    (
      "", .empty, false,
      "line 1 column 1: the file is empty; restore it, or let the CNI plugin that owns it write it anew"
    ),
    (
      " \r\n\t", .empty, false,
      "line 1 column 1: the file is empty; restore it, or let the CNI plugin that owns it write it anew"
    ),
    ("cniVersion: 0.3.1", .json, false, "line 1 column 1: expected a value; \(rewrite)"),
    (
      "{\"name\": \"n\",\n  // why\n}", .json, false,
      "line 2 column 3: expected a key in quotes; \(rewrite)"
    ),
    (
      #"{"name":"n","plugins":[{"type":"t"}]}}"#, .json, false,
      "line 1 column 38: expected nothing more after the value; remove what follows the last brace"
    ),
    (
      "{}\u{0}", .json, false,
      "line 1 column 3: expected nothing more after the value; remove what follows the last brace"
    ),
    (
      "\u{FEFF}{}", .json, false,
      "line 1 column 1: starts with a byte order mark; save the text as UTF-8 without one; \(rewrite)"
    ),
    (
      "{\"plugins\": [],\r\n \"plugins\": [{\"type\": \"t\"}]}", .json, true,
      #"line 2 column 2: key "plugins" occurs twice in one object; remove one of them; runtimes read the last"#
    ),
    (
      #"{"name":"n","plugins":[{"type":"t","mtu":1,"mtu":2}]}"#, .json, true,
      #"line 1 column 44: key "mtu" occurs twice in one object; remove one of them; runtimes read the last"#
    ),
    (#"{"x":"\ud83d"}"#, .json, true, "line 1 column 7: half of a surrogate pair; \(rewrite)"),
    (
      #"{"x":"# + String(repeating: "[", count: 600), .json, true,
      "line 1 column 517: nested deeper than 512 levels; \(rewrite)"
    ),
    ("[]", .wrongValue, false, "line 1 column 1: the file must hold an object, not: array; \(rewrite)"),
    (#"{"plugins":[]}"#, .missingKey, false, #"line 1 column 1: key "name" is missing; name the network"#),
    (#"{"name":null}"#, .wrongValue, false, #"line 1 column 9: key "name" must be a string, not null; \#(rewrite)"#),
    (#"{"name":""}"#, .wrongValue, true, #"line 1 column 9: key "name" must be a network's name, not ""; \#(naming)"#),
    (
      #"{"name":"../x\n"}"#, .wrongValue, true,
      #"line 1 column 9: key "name" must be a network's name, not "../x "; \#(naming)"#
    ),
    (
      #"{"name":"n","cniVersion":1}"#, .wrongValue, false,
      #"line 1 column 26: key "cniVersion" must be a string, not 1; \#(rewrite)"#
    ),
    (
      #"{"name":"n","cniVersions":["1.0.0",1]}"#, .wrongValue, true,
      #"line 1 column 27: key "cniVersions" must be a list of strings, not ["1.0.0",1]; \#(rewrite)"#
    ),
    (
      #"{"name":"n","disableCheck":"yes"}"#, .wrongValue, true,
      #"line 1 column 28: key "disableCheck" must be true or false, not "yes"; \#(rewrite)"#
    ),
    (
      #"{"name":"n","disableGC":null}"#, .wrongValue, true,
      #"line 1 column 25: key "disableGC" must be true or false, not null; \#(rewrite)"#
    ),
    (
      #"{"name":"n"}"#, .noInlinePlugins, true,
      #"line 1 column 1: key "plugins" is missing, so the plugins are those in the folder n; "#
        + "list them in the file: an entry added to it would run before them"
    ),
    (
      #"{"name":"n","loadOnlyInlinedPlugins":true}"#, .missingKey, false,
      #"line 1 column 1: key "plugins" is missing, and loadOnlyInlinedPlugins allows no others; list the plugins"#
    ),
    (
      #"{"name":"n","plugins":{}}"#, .wrongValue, false,
      #"line 1 column 23: key "plugins" must be a list, not {}; \#(rewrite)"#
    ),
    (
      #"{"name":"n","plugins":[ ]}"#, .missingKey, false,
      #"line 1 column 23: key "plugins" is an empty list; list the plugins"#
    ),
    (
      "{\"name\":\"n\",\"plugins\":[{\"type\":\"t\"},\n\n  \"t\"]}", .wrongValue, false,
      "line 3 column 3: a plugin must be an object, not: string; \(rewrite)"
    ),
    (
      #"{"name":"n","plugins":[{"type":"t"},{"Type":"t"}]}"#, .missingKey, false,
      #"line 1 column 37: key "plugins[1].type" is missing; name the plugin's program"#
    ),
    (
      #"{"name":"n","plugins":[{"type":""}]}"#, .missingKey, false,
      #"line 1 column 32: key "plugins[0].type" is missing; name the plugin's program"#
    ),
    (
      #"{"name":"n","plugins":[{"type":7}]}"#, .wrongValue, false,
      #"line 1 column 32: key "plugins[0].type" must be a string, not 7; \#(rewrite)"#
    ),
  ]

  @Test("a list that cannot be worked with is refused, with place and remedy", arguments: refusedLists.indices)
  func refusesList(index: Int) throws {
    let (text, code, isLoadable, description) = Self.refusedLists[index]
    let fault = try #require(throws: ConfigurationFault.self) { try Self.file(text) }
    #expect(fault.code == code)
    #expect(fault.isLoadable == isLoadable)
    #expect(fault.description == description)
  }

  static let refusedPlugins: [Refusal] = [
    (
      #"{"name":"n","plugins":[{"type":"t"}]}"#, .missingKey, false,
      #"line 1 column 1: key "type" is missing; call the file .conflist, since it is a list"#
    ),
    (#"{"name":"n"}"#, .missingKey, false, #"line 1 column 1: key "type" is missing; name the plugin's program"#),
    (
      #"{"name":"n","type":null}"#, .missingKey, false,
      #"line 1 column 20: key "type" is missing; name the plugin's program"#
    ),
    (#"{"type":"t"}"#, .missingKey, true, #"line 1 column 1: key "name" is missing; name the network"#),
    (#"{"type":"t","name":null}"#, .missingKey, true, #"line 1 column 1: key "name" is missing; name the network"#),
    (
      #"{"type":"t","name":{}}"#, .wrongValue, false,
      #"line 1 column 20: key "name" must be a string, not {}; \#(rewrite)"#
    ),
    (
      #"{"type":"t","name":"n","cniVersion":0.4}"#, .wrongValue, false,
      #"line 1 column 37: key "cniVersion" must be a string, not 0.4; \#(rewrite)"#
    ),
  ]

  @Test("a plugin alone that cannot be worked with is refused likewise", arguments: refusedPlugins.indices)
  func refusesPlugin(index: Int) throws {
    let (text, code, isLoadable, description) = Self.refusedPlugins[index]
    let fault = try #require(throws: ConfigurationFault.self) { try Self.file(text, .plugin) }
    #expect(fault.code == code)
    #expect(fault.isLoadable == isLoadable)
    #expect(fault.description == description)
  }

  @Test("bytes that are no UTF-8 are refused where they are")
  func refusesInvalidUTF8() throws {
    let bytes = Array("{\"name\":\"".utf8) + [0xFF] + Array("\"}".utf8)
    let fault = try #require(throws: ConfigurationFault.self) {
      try NetworkConfigurationFile(parsing: bytes, kind: .list)
    }
    #expect(fault.isLoadable)
    #expect(fault.description == "line 1 column 10: bytes in a string are not UTF-8; \(Self.rewrite)")
  }
}
