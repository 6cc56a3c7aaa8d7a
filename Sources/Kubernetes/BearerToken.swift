import JSON

/// A token that a log line, an error or a debugger's dump cannot give away by accident.
package struct BearerToken: Sendable, Equatable {
  /// The secret itself, for the `Authorization` header and for kubeconfigs.
  package let secret: String

  /// Takes a token without the white space around it; nil if it is empty or could not stand in a header.
  package init?(_ text: String) {
    let bytes = text.utf8.drop { Self.isWhitespace($0) }
    let end = bytes.lastIndex { !Self.isWhitespace($0) }.map { bytes.index(after: $0) } ?? bytes.startIndex
    let trimmed = bytes[..<end]
    guard !trimmed.isEmpty, trimmed.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
    secret = String(Substring(trimmed))
  }

  private static func isWhitespace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (UInt8(ascii: "\t")...UInt8(ascii: "\r")).contains(byte)
  }
}

extension BearerToken {
  /// When the token ends, since 1970; nil if it does not say so, because it says nothing of itself or has no end.
  ///
  /// Source: RFC 7519, sections 3 and 4.1.4. Nothing is verified: that is the API server's part.
  package var expiry: Duration? {
    let parts = secret.split(separator: ".", omittingEmptySubsequences: false)
    // What is no JWT has no parts to read, and that is fine.
    guard parts.count == 3, let payload = Base64.decodeURLSafe(parts[1]), let claims = try? JSONValue(parsing: payload)
    else { return nil }
    return claims["exp"]?.int.map { .seconds($0) }
  }
}

extension BearerToken {
  /// The value of the `Authorization` header.
  package var authorization: String { "Bearer \(secret)" }

  /// One line of at most 300 characters, or nothing of a text that repeats the token.
  package func redacting(_ text: String) -> String {
    guard !text.contains(secret) else { return "(a text that holds the token)" }
    let line = text.unicodeScalars.prefix(300).map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) }
    return String(line)
  }
}

extension BearerToken: CustomStringConvertible, CustomReflectable {
  package var description: String { "(a token)" }

  /// Without children: `dump` and failed expectations print those.
  package var customMirror: Mirror { Mirror(self, children: []) }
}
