package import JSON

/// A line of a kubeconfig that the reader does not take, and why.
///
/// The text never repeats the line: it may hold a token.
package struct KubeconfigTextError: Error, Sendable, Equatable {
  /// Counted from 1.
  package let line: Int
  package let problem: String
}

extension KubeconfigTextError: CustomStringConvertible {
  package var description: String { "line \(line): \(problem)" }
}

/// Reads the part of YAML that kubeconfigs are written in.
///
/// That is block mappings, block lists, plain and quoted values on one line, `{}`, `[]`, comments, and one `---` in
/// front. Everything else is refused by its name rather than guessed at. The reader is our own because every YAML
/// library for Swift pulls in ICU, which would make the static plugin 50 MB larger and each start 2 ms slower.
///
/// `true` and `false` come out as booleans and nothing, `~` and `null` as null; every other value, numbers included,
/// comes out as a string.
///
/// Source: YAML 1.2.2, chapters 6 to 8.
package struct KubeconfigText {
  /// A line with content, without its indentation.
  private struct Line {
    let number: Int
    var indent: Int
    var content: ArraySlice<UInt8>
    /// Whether the line begins a list entry.
    var isEntry: Bool { content.first == Byte.dash && (content.count == 1 || content.second == Byte.space) }
  }

  /// Deep enough for anything a kubeconfig can carry in its `extensions`, and far from the stack's end.
  private static let maximumDepth = 64

  private let lines: [Line]
  private var position = 0
  private var depth = 0

  private init(lines: [Line]) {
    self.lines = lines
    current = lines.first
  }

  /// The line to read next: mostly as it stands in the text, or what is left of it behind a list entry's dash.
  private var current: Line?

  /// Reads one document; an empty one is null.
  ///
  /// - Complexity: linear in the number of bytes.
  package static func value(of bytes: [UInt8]) throws(KubeconfigTextError) -> JSONValue {
    var text = KubeconfigText(lines: try lines(of: bytes))
    let value = try text.node(indentedBy: 0)
    if let line = text.current { throw misplaced(line) }
    return value
  }

  // MARK: Lines

  private static func lines(of bytes: [UInt8]) throws(KubeconfigTextError) -> [Line] {
    var lines: [Line] = []
    var hasMarker = false
    for (index, full) in bytes.split(separator: Byte.newline, omittingEmptySubsequences: false).enumerated() {
      let number = index + 1
      let raw = full.last == Byte.carriageReturn ? full.dropLast() : full
      guard String(validating: raw, as: UTF8.self) != nil else {
        throw KubeconfigTextError(line: number, problem: "bytes that are not UTF-8")
      }
      guard !raw.contains(where: { ($0 < 0x20 && $0 != Byte.tab) || $0 == 0x7F }) else {
        throw KubeconfigTextError(line: number, problem: "a control character")
      }
      let content = raw.drop { $0 == Byte.space }
      if content.isEmpty || content.first == Byte.hash { continue }
      if content.first == Byte.tab { throw unsupported("a tab", line: number) }
      let line = Line(number: number, indent: content.startIndex - raw.startIndex, content: content)
      guard line.indent == 0 else {
        lines.append(line)
        continue
      }
      if content.starts(with: "---".utf8), content.count == 3 || content[content.startIndex + 3] == Byte.space {
        if hasMarker || !lines.isEmpty { throw unsupported("a second document", line: number) }
        guard isBlank(content.dropFirst(3)) else { throw unsupported("content behind ---", line: number) }
        hasMarker = true
      } else if content.elementsEqual("...".utf8) {
        throw unsupported("an end-of-document marker (...)", line: number)
      } else {
        lines.append(line)
      }
    }
    return lines
  }

  private mutating func advance() {
    position += 1
    current = position < lines.count ? lines[position] : nil
  }

  // MARK: Blocks

  /// The value that begins on the current line, or null if that line is not indented by as much as `indent`.
  private mutating func node(indentedBy indent: Int) throws(KubeconfigTextError) -> JSONValue {
    guard let line = current, line.indent >= indent else { return .null }
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else {
      throw KubeconfigTextError(line: line.number, problem: "more than \(Self.maximumDepth) levels")
    }
    if line.isEntry { return try list(indent: line.indent) }
    if try Self.member(line) != nil { return try mapping(indent: line.indent) }
    let value = try scalar(line.content, line: line.number)
    advance()
    return value
  }

  private mutating func mapping(indent: Int) throws(KubeconfigTextError) -> JSONValue {
    var members: [(String, JSONValue)] = []
    var keys: Set<String> = []
    while let line = current, line.indent == indent, !line.isEntry {
      guard let member = try Self.member(line) else { throw Self.misplaced(line) }
      guard keys.insert(member.key).inserted else {
        throw KubeconfigTextError(line: line.number, problem: "a key that occurs twice")
      }
      advance()
      members.append((member.key, try value(of: member, line: line.number, indent: indent)))
    }
    if let line = current, line.indent > indent { throw Self.misplaced(line) }
    return .object(JSONObject(members))
  }

  /// What stands behind a key: on its line, or as a block on the lines below.
  private mutating func value(
    of member: Member, line: Int, indent: Int
  ) throws(KubeconfigTextError) -> JSONValue {
    guard isBlank(member.rest) else { return try scalar(member.rest, line: line) }
    // A list may stand as far left as its key; most writers put it there.
    if let next = current, next.indent == indent, next.isEntry { return try list(indent: indent) }
    return try node(indentedBy: indent + 1)
  }

  private mutating func list(indent: Int) throws(KubeconfigTextError) -> JSONValue {
    var elements: [JSONValue] = []
    while let line = current, line.indent == indent, line.isEntry {
      let rest = line.content.dropFirst().drop { $0 == Byte.space }
      if isBlank(line.content.dropFirst()) {
        advance()
      } else {
        current = Line(number: line.number, indent: indent + rest.startIndex - line.content.startIndex, content: rest)
      }
      elements.append(try node(indentedBy: indent + 1))
    }
    if let line = current, line.indent > indent { throw Self.misplaced(line) }
    return .array(elements)
  }

  private static func misplaced(_ line: Line) -> KubeconfigTextError {
    KubeconfigTextError(line: line.number, problem: "indentation or content that does not fit the lines above")
  }

  // MARK: Members

  private struct Member {
    let key: String
    let rest: ArraySlice<UInt8>
  }

  /// Splits a line at the colon behind its key; nil if it has none.
  private static func member(_ line: Line) throws(KubeconfigTextError) -> Member? {
    let content = line.content
    if content.first == Byte.question, content.count == 1 || content.second == Byte.space {
      throw unsupported("a key marked with ?", line: line.number)
    }
    if let quote = content.first, quote == Byte.doubleQuote || quote == Byte.singleQuote {
      let (key, rest) = try KubeconfigScalar.quoted(content, line: line.number)
      let behind = rest.drop { $0 == Byte.space }
      guard behind.first == Byte.colon, behind.count == 1 || behind.second == Byte.space else { return nil }
      return Member(key: key, rest: behind.dropFirst())
    }
    if content.first == Byte.openBrace || content.first == Byte.openBracket { return nil }
    guard let colon = KubeconfigScalar.colon(in: content) else { return nil }
    let key = try KubeconfigScalar.plain(content[..<colon], line: line.number)
    if key == "<<" { throw unsupported("a merge key (<<)", line: line.number) }
    return Member(key: key, rest: content[(colon + 1)...])
  }

  private func scalar(_ content: ArraySlice<UInt8>, line: Int) throws(KubeconfigTextError) -> JSONValue {
    try KubeconfigScalar.value(of: content.drop { $0 == Byte.space }, line: line)
  }
}

func unsupported(_ construct: String, line: Int) -> KubeconfigTextError {
  KubeconfigTextError(line: line, problem: "\(construct) is not supported")
}

/// Whether nothing follows but spaces and a comment that is set off by one.
func isBlank(_ rest: ArraySlice<UInt8>) -> Bool {
  let content = rest.drop { $0 == Byte.space }
  return content.isEmpty || (content.first == Byte.hash && content.startIndex > rest.startIndex)
}

/// The bytes that mean something to YAML.
enum Byte {
  static let tab = UInt8(ascii: "\t")
  static let newline = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  static let space = UInt8(ascii: " ")
  static let hash = UInt8(ascii: "#")
  static let dash = UInt8(ascii: "-")
  static let colon = UInt8(ascii: ":")
  static let question = UInt8(ascii: "?")
  static let backslash = UInt8(ascii: "\\")
  static let doubleQuote = UInt8(ascii: "\"")
  static let singleQuote = UInt8(ascii: "'")
  static let openBrace = UInt8(ascii: "{")
  static let openBracket = UInt8(ascii: "[")
}

extension ArraySlice {
  /// The element behind the first one.
  var second: Element? { dropFirst().first }
}
