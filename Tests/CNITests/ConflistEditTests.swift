import CNI
import JSON
import Testing

@Suite struct ConflistEditTests {
  static let entry: JSONObject = ["type": "istio-cni", "log": "info"]
  static let printed = #"{"type":"istio-cni","log":"info"}"#

  static func edit(
    _ text: String, _ kind: NetworkConfigurationFile.Kind = .list
  ) throws(ConfigurationFault) -> ConflistEdit {
    ConflistEdit(of: try NetworkConfigurationFile(parsing: Array(text.utf8), kind: kind), type: "istio-cni")
  }

  static func inserted(_ text: String, _ kind: NetworkConfigurationFile.Kind = .list) throws -> String {
    String(decoding: try edit(text, kind).inserting(entry), as: UTF8.self)
  }

  static func removed(_ text: String) throws -> String {
    String(decoding: try edit(text).removing(), as: UTF8.self)
  }

  static func list(_ plugins: String) -> String { #"{"name":"n","plugins":[\#(plugins)],"x":1.0e2}"# }

  typealias State = (plugins: String, positions: [Int], isLast: Bool, matches: Bool, isInPlace: Bool)

  static let states: [State] = [
    (#"{"type":"a"}"#, [], false, false, false),
    (#"{"type":"a"},\#(printed)"#, [1], true, true, true),
    (#"{"type":"a"}, { "log": "\u0069nfo", "type": "istio-cni" }"#, [1], true, true, true),
    (#"{"type":"a"},{"type":"istio-cni","log":"debug"}"#, [1], true, false, false),
    (#"{"type":"a"},{"type":"istio-cni","log":"info","extra":null}"#, [1], true, false, false),
    (#"\#(printed),{"type":"a"}"#, [0], false, true, false),
    (#"\#(printed),{"type":"a"},\#(printed)"#, [0, 2], true, true, false),
    (#"{"type":"istio-cni"},{"type":"a"},\#(printed)"#, [0, 2], true, true, false),
    (#"{"type":"a"},{"type":"istio-cni"},{"type":"b"}"#, [1], false, false, false),
    (#"{"type":"a"},{"type":"Istio-CNI"},{"type":"b","plugins":[\#(printed)]}"#, [], false, false, false),
  ]

  @Test("what is there of ours is told, whoever wrote it", arguments: states.indices)
  func tellsState(index: Int) throws {
    let state = Self.states[index]
    let edit = try Self.edit(Self.list(state.plugins))
    #expect(edit.positions == state.positions)
    #expect(edit.isLast == state.isLast)
    #expect(edit.matches(Self.entry) == state.matches)
    #expect(edit.isInPlace(Self.entry) == state.isInPlace)
  }

  @Test("numbers match however they are spelled, since other writers hold them as floats")
  func matchesNumbers() throws {
    let edit = try Self.edit(Self.list(#"{"type":"a"},{"type":"istio-cni","n":1e+06,"f":0.5}"#))
    #expect(edit.matches(["type": "istio-cni", "n": 1_000_000, "f": try JSONValue(parsing: Array("0.5".utf8))]))
    #expect(!edit.matches(["type": "istio-cni", "n": 1_000_001, "f": try JSONValue(parsing: Array("0.5".utf8))]))
  }

  static let insertions: [(before: String, after: String)] = [
    (#"{"type":"a"}"#, #"{"type":"a"},\#(printed)"#),
    (#"{"type":"a"},{"type":"istio-cni","log":"debug"}"#, #"{"type":"a"},\#(printed)"#),
    (#"\#(printed) , {"type":"a"}"#, #"{"type":"a"},\#(printed)"#),
    (#"{"type":"a"} ,\#(printed), {"type":"b"}"#, #"{"type":"a"}, {"type":"b"}, \#(printed)"#),
    (#"\#(printed),\#(printed),{"type":"a"},\#(printed)"#, #"{"type":"a"},\#(printed)"#),
    (#" {"type":"a"}, \#(printed)"#, #" {"type":"a"}, \#(printed)"#),
    (
      #"{"type":"a"}, { "log":"info","type":"istio-cni" } "#,
      #"{"type":"a"}, { "log":"info","type":"istio-cni" } "#
    ),
  ]

  @Test("one entry of ours ends up at the end", arguments: insertions)
  func inserts(before: String, after: String) throws {
    #expect(try Self.inserted(Self.list(before)) == Self.list(after))
  }

  static let removals: [(before: String, after: String)] = [
    (#"{"type":"a"}"#, #"{"type":"a"}"#),
    (#"{"type":"a"} ,\#(printed) "#, #"{"type":"a"} "#),
    (#" \#(printed) , {"type":"a"}"#, #" {"type":"a"}"#),
    (#"{"type":"a"},\#(printed) , \#(printed) ,  {"type":"b"}"#, #"{"type":"a"} ,  {"type":"b"}"#),
  ]

  @Test("all entries of ours are taken out, with the commas before them", arguments: removals)
  func removes(before: String, after: String) throws {
    #expect(try Self.removed(Self.list(before)) == Self.list(after))
  }

  static let styles: [(name: String, before: String, after: String)] = [
    (
      "brackets together",
      "{\n  \"name\": \"n\",\n  \"plugins\": [{\n    \"type\": \"a\"\n  }]\n}",
      "{\n  \"name\": \"n\",\n  \"plugins\": [{\n    \"type\": \"a\"\n  }, {\n    \"type\": \"istio-cni\",\n"
        + "    \"log\": \"info\"\n  }]\n}"
    ),
    (
      "commas first",
      "{\"name\": \"n\"\n, \"plugins\":\n  [ { \"type\": \"a\"\n    , \"b\": 1\n    }\n  , { \"type\": \"b\"\n    , \"c\": 1\n    }\n  ]\n}",
      "{\"name\": \"n\"\n, \"plugins\":\n  [ { \"type\": \"a\"\n    , \"b\": 1\n    }\n  , { \"type\": \"b\"\n    , \"c\": 1\n    }\n"
        + "  , { \"type\": \"istio-cni\"\n    , \"log\": \"info\"\n    }\n  ]\n}"
    ),
    (
      "aligned values and empty lines",
      "{\"name\":\"n\",\"plugins\":[\n\n\t{\n\n\t\t\"type\":    \"a\",\n\n\t\t\"mtu\" :   1\n\n\t}\n\n]}",
      "{\"name\":\"n\",\"plugins\":[\n\n\t{\n\n\t\t\"type\":    \"a\",\n\n\t\t\"mtu\" :   1\n\n\t},\n\t{\n"
        + "\t\t\"type\": \"istio-cni\",\n\t\t\"log\": \"info\"\n\t}\n\n]}"
    ),
    (
      "the type on a line of its own",
      "{\"name\":\"n\",\"plugins\":[{\"type\":\n\"a\"}]}",
      "{\"name\":\"n\",\"plugins\":[{\"type\":\n\"a\"}, {\"type\": \"istio-cni\", \"log\": \"info\"}]}"
    ),
    (
      "escaped keys",
      #"{"n\u0061me":"n","plug\u0069ns":[{"t\u0079pe":"a"}]}"#,
      #"{"n\u0061me":"n","plug\u0069ns":[{"t\u0079pe":"a"},{"type":"istio-cni","log":"info"}]}"#
    ),
  ]

  @Test("the entry follows the style around it", arguments: styles.indices)
  func followsStyle(index: Int) throws {
    let (_, before, after) = Self.styles[index]
    #expect(try Self.inserted(before) == after)
    #expect(try Self.removed(after) == before)
  }

  @Test("a plugin alone becomes a list of its name and version, with the plugin's own bytes")
  func wraps() throws {
    let plugin = #"{"type":"b\u0061", "cniVersion": "0.\u0034.0","# + "\n" + #""name":"n" , "mtu":1.5e3}"#
    let list = #"{"cniVersion":"0.\u0034.0" , "name":"n" , "loadOnlyInlinedPlugins":true , "plugins":["#
    let entry = #"{"type":"istio-cni" , "log":"info"}"#
    #expect(try Self.inserted(" \(plugin)\n\n", .plugin) == " \(list)\(plugin) , \(entry)]}\n\n")
  }

  static let versionless: [String] = [
    #"{"name":"n","type":"a"}"#, #"{"name":"n","type":"a","cniVersion":null}"#,
  ]

  @Test("a plugin without a version becomes a list without one", arguments: versionless)
  func wrapsVersionless(text: String) throws {
    let list = try Self.inserted(text, .plugin)
    #expect(list == #"{"name":"n","loadOnlyInlinedPlugins":true,"plugins":[\#(text),\#(Self.printed)]}"#)
    #expect(try Self.edit(list).unwrapping() == Array(text.utf8))
  }

  static let notWrapped: [String] = [
    list(#"{"type":"a","name":"n"}"#),
    #"{"name":"n","loadOnlyInlinedPlugins":true,"plugins":[{"type":"a","name":"m"}]}"#,
    #"{"name":"n","loadOnlyInlinedPlugins":true,"plugins":[{"type":"a"}]}"#,
    #"{"name":"n","loadOnlyInlinedPlugins":true,"plugins":[{"type":"a","name":"n"},{"type":"b"}]}"#,
    #"{"cniVersion":"1.0.0","name":"n","loadOnlyInlinedPlugins":true,"plugins":[{"type":"a","name":"n"}]}"#,
    #"{"name":"n","loadOnlyInlinedPlugins":true,"plugins":[{"type":"istio-cni","name":"n"}]}"#,
  ]

  @Test("a list that was not made of a plugin alone does not become one", arguments: notWrapped)
  func doesNotUnwrap(text: String) throws {
    #expect(try Self.edit(text).unwrapping() == nil)
  }

  static let lonely: [(text: String, kind: NetworkConfigurationFile.Kind, column: Int)] = [
    (list(#" {"type":"istio-cni"}"#), .list, 25),
    (list(#"{"type":"istio-cni"},{"type":"istio-cni"}"#), .list, 24),
    (#"{"name":"n","type":"istio-cni"}"#, .plugin, 1),
  ]

  @Test("a chain of nothing but ours is neither extended nor emptied", arguments: lonely)
  func refusesLonely(text: String, kind: NetworkConfigurationFile.Kind, column: Int) throws {
    let edit = try Self.edit(text, kind)
    let insertion = try #require(throws: ConfigurationFault.self) { try edit.inserting(Self.entry) }
    let removal = try #require(throws: ConfigurationFault.self) { try edit.removing() }
    #expect(insertion == removal)
    #expect(insertion.code == .noOtherPlugin)
    #expect(
      insertion.description == "line 1 column \(column): \"istio-cni\" is the only plugin; "
        + "let the cluster's CNI plugin write its file anew, or delete this one")
  }

  @Test("long chains and long files are edited like others", arguments: [50, 4000])
  func editsLargeFiles(count: Int) throws {
    let padding = String(repeating: "x", count: 250)
    let plugins = (0..<count).map { "\n    {\n      \"type\": \"p\($0)\",\n      \"x\": \"\(padding)\"\n    }" }
    let before = "{\n  \"name\": \"n\",\n  \"plugins\": [\(plugins.joined(separator: ","))\n  ]\n}\n"
    let after = try Self.inserted(before)
    let ours = ",\n    {\n      \"type\": \"istio-cni\",\n      \"log\": \"info\"\n    }\n  ]\n}\n"
    #expect(after == before.dropLast("\n  ]\n}\n".count) + ours)
    #expect(try Self.removed(after) == before)
  }
}
