/// The names that Kubernetes lets objects have. They go into request paths, so they are checked first.
///
/// Source: RFC 1123 as Kubernetes applies it, `IsDNS1123Label` and `IsDNS1123Subdomain`.
enum ObjectName {
  /// Whether a namespace can be called so: at most 63 lower-case letters, digits and inner dashes.
  static func isLabel(_ text: some StringProtocol) -> Bool {
    text.utf8.count <= 63 && isLabelOfAnyLength(text)
  }

  /// Whether a pod can be called so: labels joined by dots, at most 253 characters. Only the whole is limited.
  static func isSubdomain(_ text: String) -> Bool {
    text.utf8.count <= 253
      && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isLabelOfAnyLength($0) }
  }

  private static func isLabelOfAnyLength(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && !text.hasPrefix("-") && !text.hasSuffix("-")
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), Byte.dash: true
        default: false
        }
      }
  }
}
