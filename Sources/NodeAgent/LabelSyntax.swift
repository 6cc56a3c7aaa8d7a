/// What keys and values of labels look like.
///
/// Source: Kubernetes, "Labels and Selectors", "Syntax and character set".
enum LabelSyntax {
  static let keyRule =
    "use up to 63 letters, digits, \"-\", \"_\" and \".\", a letter or digit at both ends; a domain and / may be before it"
  static let valueRule = "use up to 63 letters, digits, \"-\", \"_\" and \".\", a letter or digit at both ends"

  private static let upperCase = UInt8(ascii: "A")...UInt8(ascii: "Z")

  static func isKey(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let name = parts.last, isName(name) else { return false }
    return parts.count == 1 || (parts[0].utf8.count <= 253 && isDomain(parts[0]))
  }

  static func isValue(_ text: String) -> Bool { text.isEmpty || isName(text[...]) }

  private static func isName(_ text: Substring) -> Bool {
    text.utf8.count <= 63 && hasFirmEnds(text)
      && text.utf8.allSatisfy { $0.isASCIILetterOrDigit || "-_.".utf8.contains($0) }
  }

  private static func isDomain(_ text: Substring) -> Bool {
    text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
      hasFirmEnds(part)
        && part.utf8.allSatisfy { ($0.isASCIILetterOrDigit && !upperCase.contains($0)) || $0 == UInt8(ascii: "-") }
    }
  }

  private static func hasFirmEnds(_ text: Substring) -> Bool {
    text.utf8.first?.isASCIILetterOrDigit == true && text.utf8.last?.isASCIILetterOrDigit == true
  }
}
