/// The base64 of RFC 4648: of section 4 as kubeconfigs carry certificates, of section 5 as tokens are made of it.
package enum Base64 {
  /// Decodes padded base64; line breaks are skipped, as Kubernetes' own reader does. Nil for anything else.
  package static func decode(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count / 4 * 3)
    var bits: UInt32 = 0
    var digitCount = 0
    var paddingCount = 0
    for byte in text.utf8 where byte != UInt8(ascii: "\n") && byte != UInt8(ascii: "\r") {
      if byte == UInt8(ascii: "=") {
        paddingCount += 1
        continue
      }
      guard paddingCount == 0, let digit = digit(byte) else { return nil }
      bits = bits << 6 | UInt32(digit)
      digitCount += 1
      if digitCount % 4 == 0 {
        bytes += [UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8)]
        bytes.append(UInt8(truncatingIfNeeded: bits))
      }
    }
    // The bits that the last digit has too many must be zero: one text for one meaning.
    switch (digitCount % 4, paddingCount) {
    case (0, 0):
      break
    case (2, 2) where bits & 0xF == 0:
      bytes.append(UInt8(truncatingIfNeeded: bits >> 4))
    case (3, 1) where bits & 0x3 == 0:
      bytes += [UInt8(truncatingIfNeeded: bits >> 10), UInt8(truncatingIfNeeded: bits >> 2)]
    default:
      return nil
    }
    return bytes
  }

  /// Decodes the variant for URLs, without padding. Nil for anything else.
  static func decodeURLSafe(_ text: Substring) -> [UInt8]? {
    var plain = ""
    plain.reserveCapacity(text.utf8.count + 3)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "-": plain.append("+")
      case "_": plain.append("/")
      case "+", "/", "=", "\n", "\r": return nil
      default: plain.unicodeScalars.append(scalar)
      }
    }
    return decode(plain + String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4))
  }

  /// Encodes with padding and without line breaks.
  package static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var bits: UInt32 = 0
      for byte in group { bits = bits << 8 | UInt32(byte) }
      bits <<= 8 * UInt32(3 - group.count)
      for index in 0..<4 {
        let digit = Int(bits >> (18 - 6 * UInt32(index)) & 0x3F)
        text.append(index <= group.count ? alphabet[digit] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
