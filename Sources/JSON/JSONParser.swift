extension JSONValue {
  /// How deeply arrays and objects may be nested. Deeper input is refused, so that no input can exhaust the stack.
  package static let maximumDepth = 512

  /// Reads exactly one JSON value, with nothing but white space around it.
  ///
  /// Stricter than most readers where readers differ: a key that occurs twice is refused instead of letting one of
  /// them win, since the runtime in front of us may have picked the other.
  ///
  /// - Throws: a ``JSONError`` that names the place.
  /// - Complexity: linear in the number of bytes.
  package init(parsing bytes: [UInt8]) throws(JSONError) {
    var parser = JSONParser(bytes, recordsSpans: false)
    self = try parser.document()
  }
}

/// A recursive descent over RFC 8259's grammar; `position` is the next byte to read.
struct JSONParser {
  private let bytes: [UInt8]
  private var position = 0
  private var depth = 0

  /// Where keys and values stand, in the order in which they begin; nil when nobody asks.
  private(set) var spans: [Range<Int>]?

  init(_ bytes: [UInt8], recordsSpans: Bool) {
    self.bytes = bytes
    spans = recordsSpans ? [] : nil
  }

  mutating func document() throws(JSONError) -> JSONValue {
    guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else {
      throw fault(.byteOrderMark, "starts with a byte order mark; save the text as UTF-8 without one")
    }
    skipWhitespace()
    let value = try value()
    skipWhitespace()
    guard position == bytes.count else {
      throw fault(.trailingBytes, "expected nothing more after the value")
    }
    return value
  }

  private mutating func value() throws(JSONError) -> JSONValue {
    guard let index = spans?.count else { return try unrecordedValue() }
    let start = position
    // Before its members, and final once they are read.
    spans?.append(start..<start)
    let value = try unrecordedValue()
    spans?[index] = start..<position
    return value
  }

  private mutating func unrecordedValue() throws(JSONError) -> JSONValue {
    switch next {
    case UInt8(ascii: "{"): return .object(try object())
    case UInt8(ascii: "["): return .array(try array())
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try keyword("true", .bool(true))
    case UInt8(ascii: "f"): return try keyword("false", .bool(false))
    case UInt8(ascii: "n"): return try keyword("null", .null)
    case UInt8(ascii: "-"): return .number(try number())
    default:
      guard nextIsDigit else { throw expected("a value") }
      return .number(try number())
    }
  }

  // MARK: Containers

  private mutating func object() throws(JSONError) -> JSONObject {
    try descend()
    defer { depth -= 1 }
    var members: [(key: String, value: JSONValue)] = []
    var keys = KeyRegister()
    if take(UInt8(ascii: "}")) { return JSONObject() }
    while true {
      let keyOffset = position
      guard next == UInt8(ascii: "\"") else {
        throw expected(members.isEmpty ? "a key in quotes or '}'" : "a key in quotes")
      }
      let key = try string()
      guard keys.isNew(key, after: members) else {
        position = keyOffset
        // As JSON and cut, so that it neither breaks nor floods the line it is shown on.
        let shown = JSONValue.string(String(key.unicodeScalars.prefix(60))).text()
        throw fault(.duplicateKey, "key \(shown) occurs twice in one object")
      }
      spans?.append(keyOffset..<position)
      skipWhitespace()
      guard skip(UInt8(ascii: ":")) else { throw expected("':'") }
      members.append((key, try value()))
      skipWhitespace()
      if take(UInt8(ascii: "}")) { return JSONObject(checked: members) }
      guard skip(UInt8(ascii: ",")) else { throw expected("',' or '}'") }
    }
  }

  private mutating func array() throws(JSONError) -> [JSONValue] {
    try descend()
    defer { depth -= 1 }
    var elements: [JSONValue] = []
    if take(UInt8(ascii: "]")) { return elements }
    while true {
      elements.append(try value())
      skipWhitespace()
      if take(UInt8(ascii: "]")) { return elements }
      guard skip(UInt8(ascii: ",")) else { throw expected("',' or ']'") }
    }
  }

  /// Enters the array or object whose bracket is next.
  private mutating func descend() throws(JSONError) {
    guard depth < JSONValue.maximumDepth else {
      throw fault(.tooDeep, "nested deeper than \(JSONValue.maximumDepth) levels")
    }
    depth += 1
    position += 1
    skipWhitespace()
  }

  // MARK: Words and numbers

  private mutating func keyword(_ spelling: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let start = position
    for byte in spelling.utf8 {
      guard next == byte else {
        position = start
        throw fault(.syntax, "expected '\(spelling)'")
      }
      position += 1
    }
    return value
  }

  private mutating func number() throws(JSONError) -> JSONNumber {
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    if next == UInt8(ascii: "0") {
      position += 1
      if nextIsDigit { throw fault(.syntax, "a number must not have leading zeros") }
    } else {
      try digits()
    }
    if next == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    return JSONNumber(checked: String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func digits() throws(JSONError) {
    guard nextIsDigit else { throw expected("a digit") }
    repeat { position += 1 } while nextIsDigit
  }

  // MARK: Strings

  private mutating func string() throws(JSONError) -> String {
    position += 1
    let plain = try run()
    // Nearly every string has no escape, and is then copied only once.
    guard next == UInt8(ascii: "\\") else {
      try closeString()
      return plain
    }
    var text = plain
    while next == UInt8(ascii: "\\") {
      text.unicodeScalars.append(try escape())
      text += try run()
    }
    try closeString()
    return text
  }

  /// Reads up to the next quote, backslash or control character. None of them occurs inside a UTF-8 sequence, so
  /// each run is valid UTF-8 on its own.
  private mutating func run() throws(JSONError) -> String {
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
      position += 1
    }
    guard let text = String(validating: bytes[start..<position], as: UTF8.self) else {
      throw invalidUTF8(in: start..<position)
    }
    return text
  }

  private mutating func closeString() throws(JSONError) {
    guard let byte = next else { throw expected("a closing quote") }
    guard byte == UInt8(ascii: "\"") else {
      throw fault(.controlCharacter, "control character \(byte) in a string must be escaped")
    }
    position += 1
  }

  private mutating func escape() throws(JSONError) -> Unicode.Scalar {
    position += 1
    let scalar: Unicode.Scalar
    switch next {
    case UInt8(ascii: "\""): scalar = "\""
    case UInt8(ascii: "\\"): scalar = "\\"
    case UInt8(ascii: "/"): scalar = "/"
    case UInt8(ascii: "b"): scalar = "\u{8}"
    case UInt8(ascii: "f"): scalar = "\u{C}"
    case UInt8(ascii: "n"): scalar = "\n"
    case UInt8(ascii: "r"): scalar = "\r"
    case UInt8(ascii: "t"): scalar = "\t"
    case UInt8(ascii: "u"): return try unicodeEscape()
    default: throw expected("one of \"\\/bfnrtu after a backslash")
    }
    position += 1
    return scalar
  }

  /// Reads `uXXXX`, and the second half if that is the first half of a surrogate pair.
  private mutating func unicodeEscape() throws(JSONError) -> Unicode.Scalar {
    let start = position - 1
    let first = try codeUnit()
    if let scalar = Unicode.Scalar(first) { return scalar }
    if UTF16.isLeadSurrogate(first), next == UInt8(ascii: "\\") {
      position += 1
      if next == UInt8(ascii: "u") {
        let second = try codeUnit()
        if UTF16.isTrailSurrogate(second) {
          return UTF16.decode(UTF16.EncodedScalar([first, second]))
        }
      }
    }
    position = start
    throw fault(.loneSurrogate, "half of a surrogate pair")
  }

  private mutating func codeUnit() throws(JSONError) -> UInt16 {
    position += 1
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw expected("four hexadecimal digits after \\u")
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }

  // MARK: Bytes

  /// The byte at `position`; nil at the end.
  private var next: UInt8? {
    position < bytes.count ? bytes[position] : nil
  }

  private var nextIsDigit: Bool {
    guard let byte = next else { return false }
    return UInt8(ascii: "0") <= byte && byte <= UInt8(ascii: "9")
  }

  /// Steps over `byte`, if it is next.
  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  /// Steps over `byte` and the white space behind it, if it is next.
  private mutating func skip(_ byte: UInt8) -> Bool {
    guard take(byte) else { return false }
    skipWhitespace()
    return true
  }

  private mutating func skipWhitespace() {
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
      default: return
      }
    }
  }

  // MARK: Faults

  private func expected(_ what: String) -> JSONError {
    fault(.syntax, "expected \(what)\(position == bytes.count ? ", but the text ends here" : "")")
  }

  private func fault(_ code: JSONError.Code, _ problem: String) -> JSONError {
    JSONError(code, problem, at: position, of: bytes)
  }

  private func invalidUTF8(in range: Range<Int>) -> JSONError {
    var offset = range.lowerBound
    do {
      _ = try UTF8Span(validating: bytes.span.extracting(range))
    } catch {
      offset += error.byteOffsets.lowerBound
    }
    return JSONError(.invalidUTF8, "bytes in a string are not UTF-8", at: offset, of: bytes)
  }
}
