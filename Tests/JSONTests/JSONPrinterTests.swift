import Foundation
import JSON
import Testing

@Suite struct JSONPrinterTests {
  static let samples: [JSONValue] = [
    nil, true, -5, "", "grüße 🚀", "\"\\/\u{8}\u{C}\n\r\t\u{0}\u{1f}\u{7f}\u{2028}", [], [:], [[], [:]],
    ["b": [1, 2, ["c": nil]], "a": "\u{1}", "": ["x": true]],
  ]

  @Test(
    "what is printed reads back, in every layout", arguments: samples, [JSONStyle.compact, .indented(2), .indented(0)])
  func readsBack(value: JSONValue, style: JSONStyle) throws {
    #expect(try JSONValue(parsing: value.serialized(style)) == value)
  }

  @Test("what is printed is what JSONDecoder reads", arguments: samples)
  func agreesWithDecoder(value: JSONValue) throws {
    let tree = try JSONDecoder().decode(DecodedTree.self, from: Data(value.serialized()))
    #expect(DecodedTree(value) == tree)
  }

  @Test("compact has no white space, and description is compact")
  func printsCompactly() {
    let value: JSONValue = ["b": [1, true, nil], "a": ["c": "d e"]]
    #expect(value.text() == #"{"b":[1,true,null],"a":{"c":"d e"}}"#)
    #expect(value.description == value.text())
  }

  @Test("indented puts one member a line and leaves empty containers closed")
  func printsIndented() {
    let value: JSONValue = ["b": [1, []], "a": [:]]
    #expect(
      value.text(.indented(2)) == """
        {
          "b": [
            1,
            []
          ],
          "a": {}
        }
        """)
  }

  @Test("only what must be escaped is, in its shortest form")
  func escapesMinimally() {
    let value: JSONValue = "/é\u{7f}\u{2028}\"\\\n\r\t\u{8}\u{C}\u{0}\u{1f}"
    #expect(value.text() == "\"/é\u{7f}\u{2028}\\\"\\\\\\n\\r\\t\\b\\f\\u0000\\u001f\"")
  }
}
