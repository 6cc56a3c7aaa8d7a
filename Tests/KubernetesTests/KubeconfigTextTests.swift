import JSON
import Kubernetes
import Testing

@Suite("The YAML of kubeconfigs")
struct KubeconfigTextTests {
  private static func read(_ text: String) throws(KubeconfigTextError) -> JSONValue {
    try KubeconfigText.value(of: Array(text.utf8))
  }

  struct Reading: Sendable, CustomTestStringConvertible {
    let text: String
    let value: JSONValue

    init(_ text: String, _ value: JSONValue) {
      self.text = text
      self.value = value
    }

    var testDescription: String { text }
  }

  @Test(
    "is read",
    arguments: [
      Reading("", .null),
      Reading("# nothing\n\n", .null),
      Reading("a: b", ["a": "b"]),
      Reading("---\na: b\n", ["a": "b"]),
      Reading("--- # one\na: b\n", ["a": "b"]),
      Reading("a: b\r\nc: d\r\n", ["a": "b", "c": "d"]),
      Reading("a: b # c\nd: e#f", ["a": "b", "d": "e#f"]),
      Reading("a:   b c   ", ["a": "b c"]),
      Reading("a : b", ["a": "b"]),
      Reading("a:\nb: ~\nc: null", ["a": nil, "b": nil, "c": nil]),
      Reading("a: # none\nb: c", ["a": nil, "b": "c"]),
      Reading("a: true\nb: False\nc: 'true'", ["a": true, "b": false, "c": "true"]),
      Reading("a: 12\nb: -1", ["a": "12", "b": "-1"]),
      Reading("a: https://10.96.0.1:443", ["a": "https://10.96.0.1:443"]),
      Reading("a: 'it''s' # c", ["a": "it's"]),
      Reading(#"a: "b: \"c\" \\ \/ \n\r\t \x41 \u00e9 \U0001F600""#, ["a": "b: \"c\" \\ / \n\r\t A é 😀"]),
      Reading(#""a b": c"#, ["a b": "c"]),
      Reading("'a': c", ["a": "c"]),
      Reading("a: {}\nb: [] # none", ["a": [:], "b": []]),
      Reading("a:\n  b:\n    c: d\n  e: f\n", ["a": ["b": ["c": "d"], "e": "f"]]),
      Reading("a:\n- b\n- c\nd: e", ["a": ["b", "c"], "d": "e"]),
      Reading("a:\n  - b\n  - c\nd: e", ["a": ["b", "c"], "d": "e"]),
      Reading("- a: b\n  c: d\n-   a: e\n    c: f", [["a": "b", "c": "d"], ["a": "e", "c": "f"]]),
      Reading("-\n  a: b\n-\n- c", [["a": "b"], nil, "c"]),
      Reading("- - a\n  - b\n- c", [["a", "b"], "c"]),
      Reading("a:\n  b", ["a": "b"]),
      Reading("a: -b\nc: ?d\ne: :f", ["a": "-b", "c": "?d", "e": ":f"]),
      Reading("just text", "just text"),
    ])
  func readings(_ reading: Reading) throws {
    #expect(try Self.read(reading.text) == reading.value)
  }

  @Test(
    "is refused by line and construct when it is more than the subset",
    arguments: [
      ("a: &x b", "line 1: an anchor (&) is not supported"),
      ("a: b\nc: *x", "line 2: an alias (*) is not supported"),
      ("a: !!str b", "line 1: a tag (!) is not supported"),
      ("a: |\n  b", "line 1: a block scalar (|) is not supported"),
      ("a: >-\n  b", "line 1: a block scalar (>) is not supported"),
      ("a: {b: c}", "line 1: a flow mapping ({...}) is not supported"),
      ("a: [b]", "line 1: a flow list ([...]) is not supported"),
      ("a: {} b", "line 1: a flow mapping ({...}) is not supported"),
      ("a: @b", "line 1: a value that begins with @ is not supported"),
      ("a: `b", "line 1: a value that begins with ` is not supported"),
      ("a: ,b", "line 1: a value that begins with , is not supported"),
      ("a: }", "line 1: a value that begins with } is not supported"),
      ("a: ]", "line 1: a value that begins with ] is not supported"),
      ("%YAML 1.2", "line 1: a directive (%) is not supported"),
      ("\ta: b", "line 1: a tab is not supported"),
      ("a:\tb: c", "line 1: a tab is not supported"),
      ("a: b\tc", "line 1: a tab is not supported"),
      ("a: b\n---\nc: d", "line 2: a second document is not supported"),
      ("---\n---\n", "line 2: a second document is not supported"),
      ("--- a", "line 1: content behind --- is not supported"),
      ("a: b\n...", "line 2: an end-of-document marker (...) is not supported"),
      ("? a\n: b", "line 1: a key marked with ? is not supported"),
      ("a: ? b", "line 1: a key marked with ? is not supported"),
      ("<<: b", "line 1: a merge key (<<) is not supported"),
      ("a: - b", "line 1: a list entry on the line of its key is not supported"),
      ("a: \"b", "line 1: a quoted value that does not end on its line is not supported"),
      ("a: \"\\q\"", "line 1: this escape in double quotes is not supported"),
      ("a: \"\\u12\"", "line 1: this escape in double quotes is not supported"),
      ("a: \"\\ud800\"", "line 1: this escape in double quotes is not supported"),
      ("a: \"\\x+1\"", "line 1: this escape in double quotes is not supported"),
      ("a: b: c", "line 1: a key behind a key on one line"),
      ("a: 'b' c", "line 1: something behind a closing quotation mark"),
      ("a: b\na: c", "line 2: a key that occurs twice"),
      ("a: b\n\"a\": c", "line 2: a key that occurs twice"),
      ("a: b\n  c", "line 2: indentation or content that does not fit the lines above"),
      ("a:\n    b: c\n  d: e", "line 3: indentation or content that does not fit the lines above"),
      ("a: b\n- c", "line 2: indentation or content that does not fit the lines above"),
      ("- a\nb: c", "line 2: indentation or content that does not fit the lines above"),
      ("a: b\nc", "line 2: indentation or content that does not fit the lines above"),
      ("a: b\u{7}", "line 1: a control character"),
      (String(repeating: "- ", count: 65) + "a", "line 1: more than 64 levels"),
    ])
  func refusals(_ text: String, _ problem: String) throws {
    let error = #expect(throws: KubeconfigTextError.self) { try Self.read(text) }
    #expect(error?.description == problem)
  }

  @Test("is refused when it is not UTF-8")
  func invalidUTF8() {
    let error = #expect(throws: KubeconfigTextError.self) {
      try KubeconfigText.value(of: Array("a: b\nc: ".utf8) + [0xC3])
    }
    #expect(error?.description == "line 2: bytes that are not UTF-8")
  }
}
