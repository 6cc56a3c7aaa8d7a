/// Takes credentials out of text that goes to a log, where one came in by mistake: in the answer of a server, say.
package enum Redaction {
  /// Stands for what was taken out.
  package static let mark = "(a token)"

  /// Shorter words after `Bearer` are prose.
  private static let shortestToken = 16

  /// The text without JSON Web Tokens and without what follows `Bearer`.
  ///
  /// - Complexity: linear in the length of the text.
  package static func redacted(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    var isWordStart = true
    while index < bytes.count {
      if isWordStart {
        let word = bytes[index...].prefix(while: isTokenByte)
        let followsBearer = result.count >= 7 && isBearer(result.suffix(7))
        if isWebToken(word) || (followsBearer && word.count >= shortestToken) {
          result += mark.utf8
          index = word.endIndex
          isWordStart = false
          continue
        }
      }
      isWordStart = !isTokenByte(bytes[index])
      result.append(bytes[index])
      index += 1
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Whether the value of this name is a secret as a whole.
  package static func isSecret(_ name: String) -> Bool {
    ["token", "authorization", "password", "secret"].contains(name.lowercased())
  }

  /// Source: RFC 7519: three parts in URL-safe base64, the first of which is a JSON object.
  private static func isWebToken(_ word: ArraySlice<UInt8>) -> Bool {
    word.starts(with: "eyJ".utf8) && word.count >= shortestToken && word.count { $0 == UInt8(ascii: ".") } >= 2
  }

  private static func isBearer(_ bytes: ArraySlice<UInt8>) -> Bool {
    // Setting the bit of lower case leaves the space as it is.
    bytes.map { $0 | 0x20 }.elementsEqual("bearer ".utf8)
  }

  /// Source: RFC 6750, section 2.1.
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "-._~+/".utf8.contains(byte)
    }
  }
}
