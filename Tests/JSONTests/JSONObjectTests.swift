import JSON
import Testing

@Suite struct JSONObjectTests {
  @Test("setting replaces in place, appends what is new and removes with nil")
  func keepsOrder() {
    var object: JSONObject = ["b": 1, "a": 2, "c": 3]
    object["a"] = "x"
    object["d"] = .null
    object["b"] = nil
    object["none"] = nil
    #expect(object.keys == ["a", "c", "d"])
    #expect(object == ["a": "x", "c": 3, "d": nil])
  }

  @Test("order counts in comparisons")
  func comparesInOrder() {
    let object: JSONObject = ["a": 1, "b": 2]
    #expect(object != ["b": 2, "a": 1])
    #expect(object != ["a": 1])
    #expect(object == JSONObject([("a", 1), ("b", 2)]))
  }

  @Test("an empty object says so")
  func knowsEmptiness() {
    #expect(JSONObject().isEmpty)
    #expect(JSONObject() == [:])
    #expect((["a": 1] as JSONObject).count == 1)
  }

  @Test("making an object of equal keys is a programmer error", arguments: [1, 40])
  func refusesEqualKeys(count: Int) async {
    await #expect(processExitsWith: .failure) { [count] in
      let members = (0..<count).map { ("k\($0)", JSONValue.null) }
      _ = JSONObject(members + [("k0", .null)])
    }
  }
}
