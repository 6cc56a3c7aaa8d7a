import JSON

/// Values that fit on one line of a kubeconfig.
enum KubeconfigScalar {
  /// Characters that begin something other than a plain value, and what it is called.
  private static let indicators: [UInt8: String] = [
    UInt8(ascii: "&"): "an anchor (&)",
    UInt8(ascii: "*"): "an alias (*)",
    UInt8(ascii: "!"): "a tag (!)",
    UInt8(ascii: "|"): "a block scalar (|)",
    UInt8(ascii: ">"): "a block scalar (>)",
    UInt8(ascii: "%"): "a directive (%)",
    UInt8(ascii: "@"): "a value that begins with @",
    UInt8(ascii: "`"): "a value that begins with `",
    UInt8(ascii: ","): "a value that begins with ,",
    UInt8(ascii: "{"): "a flow mapping ({...})",
    UInt8(ascii: "["): "a flow list ([...])",
    UInt8(ascii: "}"): "a value that begins with }",
    UInt8(ascii: "]"): "a value that begins with ]",
  ]

  /// Reads a value up to the line's end or a comment. `content` begins with no space and is not empty.
  static func value(of content: ArraySlice<UInt8>, line: Int) throws(KubeconfigTextError) -> JSONValue {
    switch content.first {
    case Byte.doubleQuote, Byte.singleQuote:
      let (text, rest) = try quoted(content, line: line)
      guard isBlank(rest) else {
        throw KubeconfigTextError(line: line, problem: "something behind a closing quotation mark")
      }
      return .string(text)
    case Byte.openBrace where content.starts(with: "{}".utf8) && isBlank(content.dropFirst(2)):
      return .object([:])
    case Byte.openBracket where content.starts(with: "[]".utf8) && isBlank(content.dropFirst(2)):
      return .array([])
    case Byte.dash where content.second == Byte.space || content.count == 1:
      throw unsupported("a list entry on the line of its key", line: line)
    case Byte.question where content.second == Byte.space || content.count == 1:
      throw unsupported("a key marked with ?", line: line)
    default:
      let text = try plain(content[..<commentStart(in: content)], line: line)
      guard colon(in: content) == nil else {
        throw KubeconfigTextError(line: line, problem: "a key behind a key on one line")
      }
      return switch text {
      case "~", "null", "Null", "NULL": .null
      case "true", "True", "TRUE": .bool(true)
      case "false", "False", "FALSE": .bool(false)
      default: .string(text)
      }
    }
  }

  /// The colon that ends a plain key: one followed by a space or nothing, outside of a comment.
  static func colon(in content: ArraySlice<UInt8>) -> Int? {
    content[..<commentStart(in: content)].indices.first {
      content[$0] == Byte.colon && ($0 + 1 == content.endIndex || content[$0 + 1] == Byte.space)
    }
  }

  /// The start of a comment, which a space must set off; the end if there is none.
  private static func commentStart(in content: ArraySlice<UInt8>) -> Int {
    content.indices.dropFirst().first {
      content[$0] == Byte.hash && content[$0 - 1] == Byte.space
    } ?? content.endIndex
  }

  /// Checks a plain value or key, without the spaces behind it.
  static func plain(_ content: ArraySlice<UInt8>, line: Int) throws(KubeconfigTextError) -> String {
    if let first = content.first, let name = indicators[first] { throw unsupported(name, line: line) }
    if content.contains(Byte.tab) { throw unsupported("a tab", line: line) }
    let end = content.lastIndex { $0 != Byte.space }.map { $0 + 1 } ?? content.startIndex
    return String(decoding: content[..<end], as: UTF8.self)
  }

  /// Reads a value in quotation marks, and returns what stands behind it.
  static func quoted(
    _ content: ArraySlice<UInt8>, line: Int
  ) throws(KubeconfigTextError) -> (text: String, rest: ArraySlice<UInt8>) {
    let quote = content.first
    var text: [UInt8] = []
    var rest = content.dropFirst()
    while let byte = rest.popFirst() {
      if byte == Byte.backslash, quote == Byte.doubleQuote {
        text += try escape(&rest, line: line)
      } else if byte == quote {
        guard quote == Byte.singleQuote, rest.first == quote else {
          return (String(decoding: text, as: UTF8.self), rest)
        }
        rest = rest.dropFirst()
        text.append(byte)
      } else {
        text.append(byte)
      }
    }
    throw unsupported("a quoted value that does not end on its line", line: line)
  }

  /// The UTF-8 bytes that an escape in double quotes stands for; `rest` begins behind the backslash.
  private static func escape(
    _ rest: inout ArraySlice<UInt8>, line: Int
  ) throws(KubeconfigTextError) -> [UInt8] {
    switch rest.popFirst() {
    case Byte.doubleQuote: return [Byte.doubleQuote]
    case Byte.backslash: return [Byte.backslash]
    case UInt8(ascii: "/"): return [UInt8(ascii: "/")]
    case UInt8(ascii: "n"): return [Byte.newline]
    case UInt8(ascii: "r"): return [Byte.carriageReturn]
    case UInt8(ascii: "t"): return [Byte.tab]
    case UInt8(ascii: "x"): return try codePoint(digitCount: 2, &rest, line: line)
    case UInt8(ascii: "u"): return try codePoint(digitCount: 4, &rest, line: line)
    case UInt8(ascii: "U"): return try codePoint(digitCount: 8, &rest, line: line)
    default: throw unsupported("this escape in double quotes", line: line)
    }
  }

  private static func codePoint(
    digitCount: Int, _ rest: inout ArraySlice<UInt8>, line: Int
  ) throws(KubeconfigTextError) -> [UInt8] {
    let digits = rest.prefix(digitCount)
    rest = rest.dropFirst(digitCount)
    // The integer's own reader would also take a sign.
    guard digits.count == digitCount, digits.first != UInt8(ascii: "+"), digits.first != Byte.dash,
      let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), let scalar = Unicode.Scalar(value)
    else { throw unsupported("this escape in double quotes", line: line) }
    return Array(String(Character(scalar)).utf8)
  }
}
