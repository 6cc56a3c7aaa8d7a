/// Says why bytes are not the JSON that this module accepts, and where.
///
/// The text never repeats the input, except for a key that occurs twice: input may hold secrets.
package struct JSONError: Error, Equatable, Sendable {
  /// The kind of a fault; new ones may be added.
  package struct Code: Hashable, Sendable {
    private let name: String

    private init(_ name: String) {
      self.name = name
    }

    /// A byte that the grammar does not allow here, or the end of the input inside a value.
    package static let syntax = Code("syntax")
    /// Something other than white space after the value.
    package static let trailingBytes = Code("trailingBytes")
    /// Bytes in a string that are not UTF-8.
    package static let invalidUTF8 = Code("invalidUTF8")
    /// Half of a surrogate pair, escaped.
    package static let loneSurrogate = Code("loneSurrogate")
    /// A control character in a string that is not escaped.
    package static let controlCharacter = Code("controlCharacter")
    /// A key that occurs twice in one object.
    package static let duplicateKey = Code("duplicateKey")
    /// Arrays and objects nested deeper than ``JSONValue/maximumDepth``.
    package static let tooDeep = Code("tooDeep")
    /// A byte order mark in front of the value.
    package static let byteOrderMark = Code("byteOrderMark")
  }

  /// The kind of the fault.
  package let code: Code

  /// Where the fault is, in bytes from the start of the input.
  package let offset: Int

  /// The same place in lines and columns.
  package let position: TextPosition

  /// What is wrong, without the place.
  package let problem: String

  /// Makes an error at the byte `offset` of `bytes`.
  ///
  /// - Complexity: linear in `offset`; line and column are counted only once something is wrong.
  init(_ code: Code, _ problem: String, at offset: Int, of bytes: [UInt8]) {
    self.code = code
    self.problem = problem
    self.offset = offset
    position = TextPosition(of: offset, in: bytes)
  }
}

extension JSONError: CustomStringConvertible {
  package var description: String {
    "\(position): \(problem)"
  }
}
