import CNI
import Harness
import JSON
import Testing

@Suite
struct NetworkListTests {
  static func list(_ text: String, folder: [String: String] = [:]) throws(NetworkListError) -> NetworkList {
    try NetworkList(parsing: Array(text.utf8), file: "a.conflist", in: folder.folder)
  }

  @Test("name, version, plugins and switches are read, and plugins stay as they were written")
  func whole() throws {
    let list = try Self.list(
      """
      {"cniVersion": "1.0.0", "name": "mesh", "disableCheck": true, "disableGC": "true",
       "plugins": [{"type": "bridge", "mtu": 1.50e3}, {"x": null, "type": "istio-cni"}]}
      """)
    #expect(list.name == "mesh")
    #expect(list.version == "1.0.0")
    #expect(list.disablesCheck && list.disablesGC)
    #expect(
      list.plugins.map { JSONValue.object($0).text() }
        == [#"{"type":"bridge","mtu":1.50e3}"#, #"{"x":null,"type":"istio-cni"}"#])
  }

  @Test(
    "the highest known version of both keys wins",
    arguments: [
      (#""cniVersion": "0.4.0""#, "0.4.0"), (#""cniVersions": ["0.4.0", "1.0.0", "0.3.1"]"#, "1.0.0"),
      (#""cniVersion": "1.1.0", "cniVersions": ["0.4.0"]"#, "1.1.0"),
      (#""cniVersion": "0.4.0", "cniVersions": ["1.0.0", "7.0.0"]"#, "1.0.0"),
      (#""cniVersion": "9.9.9", "cniVersions": ["1.0.0"]"#, "1.0.0"), (#""cniVersion": "9.9.9""#, "9.9.9"),
      (#""cniVersion": "0.4.0", "cniVersions": []"#, "0.4.0"), (#""other": 1"#, ""),
    ])
  func version(keys: String, expected: String) throws {
    #expect(try Self.list(#"{"name": "n", \#(keys), "plugins": [{"type": "t"}]}"#).version == expected)
  }

  @Test(
    "switches are booleans or their names",
    arguments: [("true", true), ("false", false), (#""true""#, true), (#""False""#, false)])
  func switches(value: String, expected: Bool) throws {
    let list = try Self.list(
      #"{"name": "n", "disableCheck": \#(value), "disableGC": \#(value), "plugins": [{"type": "t"}]}"#)
    #expect(list.disablesCheck == expected)
    #expect(list.disablesGC == expected)
  }

  @Test("the network's folder adds its plugins in the order of their names")
  func folder() throws {
    let folder = ["n/20-b.conf": #"{"type": "b"}"#, "n/10-a.conf": #"{"type": "a"}"#, "m/1.conf": "", "n/c.txt": ""]
    let types = { (text: String) in try Self.list(text, folder: folder).plugins.map { $0["type"] } }
    #expect(try types(#"{"name": "n", "plugins": [{"type": "t"}]}"#) == ["t", "a", "b"])
    #expect(try types(#"{"name": "n", "loadOnlyInlinedPlugins": false}"#) == ["a", "b"])
    #expect(try types(#"{"name": "n", "loadOnlyInlinedPlugins": true, "plugins": [{"type": "t"}]}"#) == ["t"])
  }

  @Test(
    "what is wrong is said with file and key",
    arguments: [
      ("[]", "a.conflist: must be an object, not: array"),
      (#"{"plugins": [{"type": "t"}]}"#, "a.conflist: name: missing"),
      (#"{"name": 1, "plugins": [{"type": "t"}]}"#, "a.conflist: name: must be a string, not: number"),
      (#"{"name": "n"}"#, "a.conflist: plugins: missing, and the folder n has none either"),
      (#"{"name": "n", "plugins": []}"#, "a.conflist: plugins: must not be empty"),
      (#"{"name": "n", "plugins": {}}"#, "a.conflist: plugins: must be a list, not: object"),
      (#"{"name": "n", "plugins": [{"type": "t"}, 1]}"#, "a.conflist: plugins[1]: must be an object, not: number"),
      (#"{"name": "n", "plugins": [{"type": ""}]}"#, "a.conflist: plugins[0].type: missing"),
      (
        #"{"name": "n", "loadOnlyInlinedPlugins": true}"#,
        "a.conflist: plugins: missing, and loadOnlyInlinedPlugins allows no others"
      ),
      (
        #"{"name": "n", "disableGC": "yes", "plugins": [{"type": "t"}]}"#,
        #"a.conflist: disableGC: must be true or false, not "yes""#
      ),
      (
        #"{"name": "n", "disableCheck": null, "plugins": [{"type": "t"}]}"#,
        "a.conflist: disableCheck: must be true or false, not: null"
      ),
      (
        #"{"name": "n", "cniVersion": "new", "plugins": [{"type": "t"}]}"#,
        #"a.conflist: cniVersion: "new" is not a version"#
      ),
      (
        #"{"name": "n", "cniVersions": ["1.0.0", 1], "plugins": [{"type": "t"}]}"#,
        "a.conflist: cniVersions[1]: must be a string, not: number"
      ),
      (
        #"{"name": "n", "cniVersions": "1.0.0", "plugins": [{"type": "t"}]}"#,
        "a.conflist: cniVersions: must be a list, not: string"
      ),
    ])
  func errors(text: String, message: String) {
    let error = #expect(throws: NetworkListError.self) { try Self.list(text) }
    #expect(error?.description == message)
  }

  @Test("text that is no JSON is told apart")
  func noJSON() {
    let error = #expect(throws: NetworkListError.self) { try Self.list("name: n") }
    #expect(error?.description.hasPrefix("a.conflist: not JSON: ") == true)
  }

  @Test(
    "a verb is known from the version that brought it, also in versions still to come",
    arguments: [
      (.ADD, "", true), (.VERSION, "", false), (.CHECK, "0.3.1", false), (.CHECK, "0.4.0", true), (.GC, "1.0.0", false),
      (.GC, "1.1.0", true), (.STATUS, "1.1", true), (.STATUS, "10.0.0", true), (.DEL, "no version", true),
      (.GC, "no version", false),
    ] as [(Command, String, Bool)])
  func verbs(command: Command, version: String, isKnown: Bool) {
    #expect(NetworkList(name: "n", version: version, plugins: []).knows(command) == isKnown)
  }
}

extension [String: String] {
  /// A folder of files with these texts.
  var folder: ConfigurationFolder { ConfigurationFolder(files: mapValues { Array($0.utf8) }) }
}
