import JSON
import Testing

@Suite struct TextPositionTests {
  static let places: [(text: String, offset: Int, description: String)] = [
    ("", 0, "line 1 column 1"),
    ("ab", 1, "line 1 column 2"),
    ("ab\n", 3, "line 2 column 1"),
    ("a\r\nb", 3, "line 2 column 1"),
    ("ü\nüx", 5, "line 2 column 2"),
  ]

  @Test("lines and columns are counted from 1, columns in scalars", arguments: places)
  func counts(text: String, offset: Int, description: String) {
    #expect(TextPosition(of: offset, in: Array(text.utf8)).description == description)
  }
}
