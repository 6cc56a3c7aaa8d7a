/// A place in a text, counted as editors count.
package struct TextPosition: Equatable, Sendable {
  /// The line, counted from 1.
  package let line: Int

  /// The column in Unicode scalars, counted from 1.
  package let column: Int

  /// Finds the place of the byte `offset`, which may also be the end of `bytes`.
  ///
  /// - Complexity: linear in `offset`.
  package init(of offset: Int, in bytes: [UInt8]) {
    let before = bytes[..<offset]
    let newline = UInt8(ascii: "\n")
    let lineStart = before.lastIndex(of: newline).map { $0 + 1 } ?? 0
    line = 1 + before.count { $0 == newline }
    column = 1 + before[lineStart...].count { !UTF8.isContinuation($0) }
  }
}

extension TextPosition: CustomStringConvertible {
  package var description: String { "line \(line) column \(column)" }
}
