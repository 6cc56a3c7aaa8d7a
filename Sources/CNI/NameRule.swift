/// Which names are safe to use; everything else is refused before it becomes a part of a path or of a kernel name.
enum NameRule {
  /// Whether `text` can be a network name or container id: ASCII letters and digits, and after the first character
  /// also `_`, `.` and `-`.
  ///
  /// Source: CNI specification, "Configuration format", `name`, and "Parameters", `CNI_CONTAINERID`.
  static func allowsIdentifier(_ text: String) -> Bool {
    guard let first = text.utf8.first, isAlphanumeric(first) else { return false }
    return text.utf8.allSatisfy { byte in
      isAlphanumeric(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
    }
  }

  /// Whether `text` can be the name of an interface: 1 to 15 bytes.
  ///
  /// Source: `dev_valid_name` in the kernel's `net/core/dev.c`; IFNAMSIZ is 16 bytes, the last of which is zero.
  static func allowsInterface(_ text: String) -> Bool {
    guard (1...15).contains(text.utf8.count), text != ".", text != ".." else { return false }
    return text.unicodeScalars.allSatisfy { scalar in
      scalar != "/" && scalar != ":" && scalar != "\0" && !scalar.properties.isWhitespace
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }
}
