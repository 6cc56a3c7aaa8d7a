import JSON
import Testing

@Suite struct JSONDocumentTests {
  @Test("a document holds what a plain parse reads, and where", arguments: JSONParserTests.accepted)
  func agreesWithPlainParse(text: String) throws {
    let bytes = Array(text.utf8)
    let document = try JSONDocument(parsing: bytes)
    #expect(document.bytes == bytes)
    #expect(document.root.value == (try JSONValue(parsing: bytes)))
    try Self.check(document.root, in: bytes)
  }

  /// Each node's bytes alone must read as its value, and so must each key's.
  static func check(_ node: JSONNode, in bytes: [UInt8]) throws {
    #expect(try JSONValue(parsing: Array(bytes[node.range])) == node.value)
    #expect(
      JSONValue.object(JSONObject(node.members.map { ($0.key, $0.node.value) })) == node.value || node.members.isEmpty)
    #expect(JSONValue.array(node.elements.map(\.value)) == node.value || node.elements.isEmpty)
    for member in node.members {
      #expect(try JSONValue(parsing: Array(bytes[member.keyRange])) == .string(member.key))
      #expect(member.range == member.keyRange.lowerBound..<member.node.range.upperBound)
      try check(member.node, in: bytes)
    }
    for element in node.elements { try check(element, in: bytes) }
  }

  @Test("spans leave out the white space around a value")
  func leavesOutWhitespace() throws {
    let text = " { \"a\\u0062\" :\t[ 1.50 , {} ] ,\n\"c\" : \"ü\" } "
    let root = try JSONDocument(parsing: Array(text.utf8)).root
    func spelled(_ range: Range<Int>) -> String { String(decoding: Array(text.utf8)[range], as: UTF8.self) }
    #expect(spelled(root.range) == text.dropFirst().dropLast())
    #expect(root.members.map(\.key) == ["ab", "c"])
    #expect(root.members.map { spelled($0.keyRange) } == [#""a\u0062""#, #""c""#])
    #expect(root.members.map { spelled($0.node.range) } == ["[ 1.50 , {} ]", #""ü""#])
    #expect(root["ab"]?.elements.map { spelled($0.range) } == ["1.50", "{}"])
    #expect(root["c"]?.value == "ü")
    #expect(root["d"] == nil)
  }

  @Test("a document is refused for what a plain parse is refused", arguments: JSONParserTests.refused)
  func refuses(text: String, code: JSONError.Code, description: String) throws {
    let error = try #require(throws: JSONError.self) { try JSONDocument(parsing: Array(text.utf8)) }
    #expect(error.code == code)
    #expect(error.description == description)
  }

  @Test("nesting is followed up to the limit")
  func followsDeepNesting() throws {
    let text = String(repeating: "[", count: 512) + String(repeating: "]", count: 512)
    var node = try JSONDocument(parsing: Array(text.utf8)).root
    var depth = 1
    while let inner = node.elements.first {
      #expect(inner.range == node.range.lowerBound + 1..<node.range.upperBound - 1)
      (node, depth) = (inner, depth + 1)
    }
    #expect(depth == 512)
  }
}
