import JSON
import System

/// What a plugin answered.
struct Reply: Sendable {
  let verb: String
  let status: ChildStatus
  /// Whether it was killed at its time limit.
  let timedOut: Bool
  let output: [UInt8]
  let errorOutput: [UInt8]
  /// Whether a process that it has left running still holds one of its pipes open: runtimes wait for their end.
  let pipesAreHeld: Bool
  let duration: Duration

  init(_ outcome: ChildOutcome, verb: String, duration: Duration) {
    self.verb = verb
    status = outcome.status
    timedOut = outcome.timedOut
    output = outcome.standardOutput
    errorOutput = outcome.standardError
    pipesAreHeld = outcome.pipesAreHeld
    self.duration = duration
  }

  /// An error object, as far as it is one.
  struct ErrorObject: Sendable {
    let code: Int
    let message: String
    let details: String
    let object: JSONObject
  }

  /// The documents on standard output, one after the other; nil if there is anything else.
  var documents: [JSONValue]? { try? splitDocuments(output).map { try JSONValue(parsing: $0) } }

  /// What it looks like, for reports.
  var description: String {
    let ending = timedOut ? "killed at its time limit" : "\(status)"
    let texts = [("standard output", output), ("standard error", errorOutput)].map { name, bytes in
      "\(name): " + (bytes.isEmpty ? "nothing" : excerpt(String(decoding: bytes.prefix(2000), as: UTF8.self)))
    }
    return "\(verb): \(ending), \(texts.joined(separator: ", "))"
  }

  private func excerpt(_ text: String) -> String {
    let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
    return line.count > 300 ? "\(line.prefix(300))…" : line
  }
}

// MARK: - Expectations

extension Reply {
  /// Exit status 0.
  @discardableResult
  func succeed() throws -> Reply {
    try expect(status == .exited(0) && !timedOut, description)
    return self
  }

  /// Exit status 0 and nothing on standard output.
  func succeedSilently() throws {
    try succeed()
    try expect(output.isEmpty, description)
  }

  /// Exit status 0 and one object on standard output, with nothing but white space around it.
  @discardableResult
  func result() throws -> JSONObject {
    try succeed()
    guard let documents, documents.count == 1, let object = documents[0].object else {
      throw Discrepancy(description)
    }
    return object
  }

  /// A clean error: exit status 1 to 127, and one error object with an integer code and a message on standard output.
  ///
  /// - Parameters:
  ///   - codes: The codes that are right; nil for any.
  ///   - words: What the message or the details must hold.
  @discardableResult
  func cleanError(_ codes: [Int]? = nil, mentioning words: [String] = []) throws -> ErrorObject {
    guard case .exited(1...127) = status, !timedOut, let error = errorObject else { throw Discrepancy(description) }
    if let codes { try expect(codes.contains(error.code), description) }
    for word in words {
      try expect(error.message.contains(word) || error.details.contains(word), "no \"\(word)\" in \(description)")
    }
    return error
  }

  /// Success or a clean error, but no crash and no hanging.
  ///
  /// - Returns: Whether it was success.
  @discardableResult
  func succeedOrFailCleanly(_ codes: [Int]? = nil) throws -> Bool {
    if status == .exited(0), !timedOut { return true }
    try cleanError(codes)
    return false
  }

  /// The error object on standard output, if that holds one and nothing else.
  var errorObject: ErrorObject? {
    guard let documents, documents.count == 1, let object = documents[0].object, let code = object["code"]?.int,
      let message = object["msg"]?.string, !message.isEmpty
    else { return nil }
    return ErrorObject(code: code, message: message, details: object["details"]?.string ?? "", object: object)
  }
}

/// Splits a stream of JSON documents where one ends and the next begins.
///
/// - Throws: A `Discrepancy` for anything that is neither an object, an array nor white space.
func splitDocuments(_ bytes: [UInt8]) throws -> [[UInt8]] {
  var documents: [[UInt8]] = []
  var start: Int?
  var depth = 0
  var isInString = false
  var isEscaped = false
  for (index, byte) in bytes.enumerated() {
    if isInString {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isInString = false
      }
      continue
    }
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      if depth == 0 { start = index }
      depth += 1
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      depth -= 1
      if depth == 0, let first = start { documents.append(Array(bytes[first...index])) }
      if depth < 0 { throw Discrepancy("unbalanced brackets") }
    case UInt8(ascii: "\""):
      if depth == 0 { throw Discrepancy("a bare string") }
      isInString = true
    case 0x20, 0x09, 0x0A, 0x0D: break
    default: if depth == 0 { throw Discrepancy("text outside of any object") }
    }
  }
  if depth != 0 || isInString { throw Discrepancy("an object without end") }
  return documents
}
