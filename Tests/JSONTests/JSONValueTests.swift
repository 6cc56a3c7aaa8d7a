import JSON
import Testing

@Suite struct JSONValueTests {
  static let kinds: [(value: JSONValue, name: String)] = [
    (nil, "null"), (true, "boolean"), (1, "number"), ("x", "string"), ([], "array"), ([:], "object"),
  ]

  @Test("each kind has its name", arguments: kinds)
  func namesKind(value: JSONValue, name: String) {
    #expect(value.kindName == name)
  }

  @Test("accessors answer for their own kind only", arguments: kinds)
  func answersForOwnKind(value: JSONValue, name: String) {
    #expect((value.bool != nil) == (name == "boolean"))
    #expect((value.int != nil) == (name == "number"))
    #expect((value.string != nil) == (name == "string"))
    #expect((value.array != nil) == (name == "array"))
    #expect((value.object != nil) == (name == "object"))
  }

  @Test("members are reached by key, and null differs from absent")
  func reachesMembers() {
    let value: JSONValue = ["a": ["b": 1], "n": nil]
    #expect(value["a"]?["b"]?.int == 1)
    #expect(value["n"] == .null)
    #expect(value["x"] == nil)
    #expect((["a"] as JSONValue)["a"] == nil)
  }

  @Test("interpolated literals are strings")
  func interpolates() {
    let port = 15001
    #expect("port \(port)" as JSONValue == .string("port 15001"))
  }
}
