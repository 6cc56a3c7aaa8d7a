import Foundation
import JSON
import Testing

@Suite struct JSONParserTests {
  static let accepted: [String] = [
    "null", "true", "false", "0", "-0", "12", "-1.5", "1e3", "1E+2", "25e-1", "0.10", "9007199254740993",
    #""""#, #""plain""#, #""grüße 🚀 \u00e9 \uD83D\uDE80""#, #""\"\\\/\b\f\n\r\t""#, #""\u0000x""#, "\"\u{7f}\u{2028}\"",
    "[]", "[ ]", "[1,[2,[3]]]", "{}", "{ }", #"{"a":1,"b":{"c":[null,false]}}"#, #"{"":{"":{}}}"#,
    " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : \"x\" } \n",
  ]

  @Test("reads what JSONDecoder reads, to the same value", arguments: accepted)
  func agreesWithDecoder(text: String) throws {
    let value = try JSONValue(parsing: Array(text.utf8))
    let tree = try JSONDecoder().decode(DecodedTree.self, from: Data(text.utf8))
    #expect(DecodedTree(value) == tree)
  }

  static let refused: [(text: String, code: JSONError.Code, description: String)] = [
    ("", .syntax, "line 1 column 1: expected a value, but the text ends here"),
    (" \n ", .syntax, "line 2 column 2: expected a value, but the text ends here"),
    ("hello", .syntax, "line 1 column 1: expected a value"),
    ("NaN", .syntax, "line 1 column 1: expected a value"),
    ("-Infinity", .syntax, "line 1 column 2: expected a digit"),
    ("nul", .syntax, "line 1 column 1: expected 'null'"),
    ("[True]", .syntax, "line 1 column 2: expected a value"),
    ("[tRue]", .syntax, "line 1 column 2: expected 'true'"),
    ("[falsy]", .syntax, "line 1 column 2: expected 'false'"),
    ("01", .syntax, "line 1 column 2: a number must not have leading zeros"),
    ("-012", .syntax, "line 1 column 3: a number must not have leading zeros"),
    ("+1", .syntax, "line 1 column 1: expected a value"),
    (".5", .syntax, "line 1 column 1: expected a value"),
    ("1.", .syntax, "line 1 column 3: expected a digit, but the text ends here"),
    ("[1.e3]", .syntax, "line 1 column 4: expected a digit"),
    ("[1e]", .syntax, "line 1 column 4: expected a digit"),
    ("-", .syntax, "line 1 column 2: expected a digit, but the text ends here"),
    ("0x10", .trailingBytes, "line 1 column 2: expected nothing more after the value"),
    ("{}{}", .trailingBytes, "line 1 column 3: expected nothing more after the value"),
    ("{} ,", .trailingBytes, "line 1 column 4: expected nothing more after the value"),
    ("[1,]", .syntax, "line 1 column 4: expected a value"),
    ("[1 2]", .syntax, "line 1 column 4: expected ',' or ']'"),
    ("[", .syntax, "line 1 column 2: expected a value, but the text ends here"),
    ("[1", .syntax, "line 1 column 3: expected ',' or ']', but the text ends here"),
    ("[1}", .syntax, "line 1 column 3: expected ',' or ']'"),
    ("{", .syntax, "line 1 column 2: expected a key in quotes or '}', but the text ends here"),
    ("{a:1}", .syntax, "line 1 column 2: expected a key in quotes or '}'"),
    (#"{"a":1,}"#, .syntax, "line 1 column 8: expected a key in quotes"),
    (#"{"a" 1}"#, .syntax, "line 1 column 6: expected ':'"),
    (#"{"a":}"#, .syntax, "line 1 column 6: expected a value"),
    ("{\n\"ä\": 1,\n\"b\":\"ä\" \"c\"}", .syntax, "line 3 column 9: expected ',' or '}'"),
    ("// x\n1", .syntax, "line 1 column 1: expected a value"),
    (#""abc"#, .syntax, "line 1 column 5: expected a closing quote, but the text ends here"),
    (#""a\"#, .syntax, #"line 1 column 4: expected one of "\/bfnrtu after a backslash, but the text ends here"#),
    (#""\x41""#, .syntax, #"line 1 column 3: expected one of "\/bfnrtu after a backslash"#),
    (#""\u12g4""#, .syntax, #"line 1 column 6: expected four hexadecimal digits after \u"#),
    ("\"a\tb\"", .controlCharacter, "line 1 column 3: control character 9 in a string must be escaped"),
    ("\"a\u{0}b\"", .controlCharacter, "line 1 column 3: control character 0 in a string must be escaped"),
    (#""\ud83d""#, .loneSurrogate, "line 1 column 2: half of a surrogate pair"),
    (#""\ude80""#, .loneSurrogate, "line 1 column 2: half of a surrogate pair"),
    (#""\ud83d\n""#, .loneSurrogate, "line 1 column 2: half of a surrogate pair"),
    (#""x\ud83d\ud83d""#, .loneSurrogate, "line 1 column 3: half of a surrogate pair"),
    (
      #"{"name":1, "n\u0061me":2}"#, .duplicateKey,
      #"line 1 column 12: key "name" occurs twice in one object"#
    ),
    (
      "\u{FEFF}{}", .byteOrderMark,
      "line 1 column 1: starts with a byte order mark; save the text as UTF-8 without one"
    ),
  ]

  @Test("refuses what RFC 8259 does not allow, and says where", arguments: refused)
  func refuses(text: String, code: JSONError.Code, description: String) throws {
    let error = try #require(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
    #expect(error.code == code)
    #expect(error.description == description)
  }

  static let notUTF8: [(bytes: [UInt8], offset: Int)] = [
    ([0x22, 0xFF, 0x22], 1),
    ([0x22, 0x61, 0xC3, 0x22], 2),
    ([0x22, 0xC0, 0xAF, 0x22], 1),
    ([0x22, 0xED, 0xA0, 0x80, 0x22], 1),
    ([0x22, 0x5C, 0x6E, 0x61, 0xF4, 0x90, 0x80, 0x80, 0x22], 4),
  ]

  @Test("refuses strings that are not UTF-8", arguments: notUTF8)
  func refusesInvalidUTF8(bytes: [UInt8], offset: Int) throws {
    let error = try #require(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    #expect(error.code == .invalidUTF8)
    #expect(error.offset == offset)
    #expect(error.problem == "bytes in a string are not UTF-8")
  }

  @Test("every shortened text is refused, never half read")
  func refusesPrefixes() {
    let text = Array(#"{"a":[1.5e2,"\ud83d\ude80ä",true,null],"b":{"c":{}}}"#.utf8)
    for end in text.indices {
      #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text[..<end])) }
    }
  }

  @Test("nesting is read up to the limit", arguments: ["[", #"{"a":"#])
  func readsDeepNesting(opening: String) throws {
    let closing = opening == "[" ? "]" : "}"
    let inner = opening == "[" ? "" : "1"
    let text = String(repeating: opening, count: 512) + inner + String(repeating: closing, count: 512)
    let value = try JSONValue(parsing: Array(text.utf8))
    #expect(value.text() == text)
  }

  @Test("nesting beyond the limit is an error, not a crash", arguments: [513, 20_000, 200_000], ["[", #"{"a":"#])
  func refusesTooDeepNesting(depth: Int, opening: String) throws {
    let bytes = Array(String(repeating: opening, count: depth).utf8)
    let error = try #require(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    #expect(error.code == .tooDeep)
    #expect(error.problem == "nested deeper than 512 levels")
    #expect(error.offset == 512 * opening.utf8.count)
  }

  @Test("a key that occurs twice is found in small and in huge objects", arguments: [2, 16, 17, 18, 50_000])
  func findsDuplicates(count: Int) throws {
    let members = (0..<count - 1).map { #""k\#($0)":0"# } + [#""k0":1"#]
    let bytes = Array("{\(members.joined(separator: ","))}".utf8)
    let error = try #require(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    #expect(error.problem == #"key "k0" occurs twice in one object"#)
  }

  @Test("a repeated key is shown escaped and cut")
  func cutsRepeatedKey() throws {
    let key = #"\n"# + String(repeating: "k", count: 100)
    let error = try #require(throws: JSONError.self) {
      try JSONValue(parsing: Array(#"{"\#(key)":1,"\#(key)":2}"#.utf8))
    }
    #expect(error.problem == #"key "\n\#(String(repeating: "k", count: 59))" occurs twice in one object"#)
  }

  @Test("huge objects keep all members in order")
  func readsHugeObject() throws {
    let keys = (0..<50_000).map { "k\($0)" }
    let bytes = Array("{\(keys.map { #""\#($0)":0"# }.joined(separator: ","))}".utf8)
    #expect(try JSONValue(parsing: bytes).object?.keys == keys)
  }

  @Test("the same key may occur in different objects")
  func allowsKeyInOtherObject() throws {
    let value = try JSONValue(parsing: Array(#"[{"a":1},{"a":{"a":2}}]"#.utf8))
    #expect(value == [["a": 1], ["a": ["a": 2]]])
  }
}
