import JSON
import Testing

@testable import Conformance

@Suite struct ManifestTests {
  @Test("a manifest holds what its file says, and the usual where it says nothing")
  func reads() throws {
    let manifest = try Manifest(
      parsing: Array(
        #"""
        {"role": "redirect", "configuration": {"type": "x"}, "sharedState": ["a+"],
         "redirect": {"outboundPort": 15001, "inboundPort": 15006, "user": 1337, "group": 1337,
           "wishes": {"optedOut": {"configuration": {"redirect": false}}}}}
        """#.utf8))
    #expect(manifest.role == .redirect)
    #expect(manifest.interface == "eth0")
    #expect(manifest.sharedState == ["a+"])
    #expect(manifest.redirect?.wishes["optedOut"]?.configuration["redirect"] == false)
  }

  @Test(
    "what a manifest cannot mean is named",
    arguments: [
      (#"[]"#, "a manifest is a JSON object"),
      (#"{"configuration": {}}"#, #""role" must be one of main, chained, ipam, redirect"#),
      (#"{"role": "main"}"#, #""configuration" must be the plugin's entry of a network configuration list"#),
      (#"{"role": "main", "configuration": {}, "interface": 1}"#, #""interface" is of a wrong type: number"#),
      (#"{"role": "main", "configuration": {}, "colour": "red"}"#, #""colour" is not known"#),
      (
        #"{"role": "redirect", "configuration": {}, "redirect": {"outboundPort": 1}}"#,
        #""redirect.inboundPort" is missing"#
      ),
    ])
  func refuses(text: String, error: String) {
    let thrown = #expect(throws: ManifestError.self) { try Manifest(parsing: Array(text.utf8)) }
    #expect(thrown?.description == error)
  }
}

@Suite struct MergePatchTests {
  /// Source: RFC 7396, appendix A.
  @Test(
    "members replace members, null removes, objects are merged",
    arguments: [
      (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
      (#"{"a":"b"}"#, #"{"a":null}"#, "{}"), (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
      (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
      (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#), ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
  func patch(target: String, patch: String, result: String) throws {
    let object = { (text: String) in try #require(try JSONValue(parsing: Array(text.utf8)).object) }
    #expect(JSONValue.object(try object(target).patched(with: object(patch))).text() == result)
  }
}
