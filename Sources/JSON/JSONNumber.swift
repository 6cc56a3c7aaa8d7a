/// A JSON number that keeps its source spelling, so that `1.0`, `1e0` and `1` print as they were read.
package struct JSONNumber: Sendable, Equatable {
  /// The number as RFC 8259 writes it.
  package let spelling: String

  /// Makes a number from a spelling that the grammar has already accepted.
  init(checked spelling: String) {
    self.spelling = spelling
  }

  /// Makes the number `value`, in decimal digits.
  package init(_ value: Int) {
    spelling = String(value)
  }

  /// The number as an integer, however it is spelled; nil when it has a fraction or does not fit.
  ///
  /// Other languages' writers send integers as `1.0` or `1e3`.
  package var int: Int? {
    Int(spelling) ?? exactInt
  }

  /// Shifts the decimal point by the exponent and keeps the result if nothing is left behind the point.
  private var exactInt: Int? {
    var digits: [UInt8] = []
    var fractionDigitCount = 0
    var exponent = 0
    var isNegative = false
    var isInFraction = false

    scan: for (index, byte) in spelling.utf8.enumerated() {
      switch byte {
      case UInt8(ascii: "-"):
        isNegative = true
      case UInt8(ascii: "."):
        isInFraction = true
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        guard let parsed = Int(Substring(spelling.utf8.dropFirst(index + 1))) else {
          // Too large for an Int, so the value is an integer only if it is zero.
          return digits.isEmpty ? 0 : nil
        }
        exponent = parsed
        break scan
      default:
        if isInFraction { fractionDigitCount += 1 }
        // Leading zeros carry no value.
        if byte != UInt8(ascii: "0") || !digits.isEmpty { digits.append(byte) }
      }
    }
    guard !digits.isEmpty else { return 0 }

    let (shift, overflow) = exponent.subtractingReportingOverflow(fractionDigitCount)
    guard !overflow else { return nil }
    return Self.value(of: digits, shiftedBy: shift, isNegative: isNegative)
  }

  private static func value(of significant: [UInt8], shiftedBy shift: Int, isNegative: Bool) -> Int? {
    var digits = significant
    var shift = shift
    while shift < 0, digits.last == UInt8(ascii: "0") {
      digits.removeLast()
      shift += 1
    }
    // An Int has at most 19 decimal digits.
    guard shift >= 0, shift <= 19 else { return nil }
    digits.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: shift))
    return Int((isNegative ? "-" : "") + String(decoding: digits, as: UTF8.self))
  }
}
