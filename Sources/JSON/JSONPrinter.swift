/// How JSON is laid out.
package enum JSONStyle: Sendable, Equatable {
  /// Without any white space.
  case compact
  /// One member or element a line, each level indented by this many spaces.
  case indented(Int)
}

extension JSONValue {
  /// The bytes that parse to this value: numbers as spelled, members in order, only what must be escaped escaped.
  package func serialized(_ style: JSONStyle = .compact) -> [UInt8] {
    var printer = JSONPrinter(style: style)
    printer.print(self)
    return printer.output
  }

  /// The same as ``serialized(_:)``, as text.
  package func text(_ style: JSONStyle = .compact) -> String {
    String(decoding: serialized(style), as: UTF8.self)
  }
}

extension JSONValue: CustomStringConvertible {
  package var description: String { text() }
}

private struct JSONPrinter {
  let style: JSONStyle
  private(set) var output: [UInt8] = []
  private var depth = 0

  init(style: JSONStyle) {
    self.style = style
  }

  mutating func print(_ value: JSONValue) {
    switch value {
    case .null: write("null")
    case .bool(let truth): write(truth ? "true" : "false")
    case .number(let number): write(number.spelling)
    case .string(let text): quote(text)
    case .array(let elements):
      list(elements, between: "[", and: "]") { printer, element in printer.print(element) }
    case .object(let object):
      list(object.members, between: "{", and: "}") { printer, member in
        printer.quote(member.key)
        printer.write(printer.style == .compact ? ":" : ": ")
        printer.print(member.value)
      }
    }
  }

  private mutating func list<Element>(
    _ elements: [Element], between open: String, and close: String,
    _ printElement: (inout JSONPrinter, Element) -> Void
  ) {
    write(open)
    depth += 1
    for (index, element) in elements.enumerated() {
      if index > 0 { write(",") }
      breakLine()
      printElement(&self, element)
    }
    depth -= 1
    if !elements.isEmpty { breakLine() }
    write(close)
  }

  private mutating func breakLine() {
    guard case .indented(let width) = style else { return }
    write("\n")
    output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * width))
  }

  private mutating func write(_ text: String) {
    output.append(contentsOf: text.utf8)
  }

  private mutating func quote(_ text: String) {
    write("\"")
    if text.utf8.contains(where: Self.mustEscape) {
      for byte in text.utf8 { appendEscaped(byte) }
    } else {
      write(text)
    }
    write("\"")
  }

  private static func mustEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private mutating func appendEscaped(_ byte: UInt8) {
    guard Self.mustEscape(byte) else {
      output.append(byte)
      return
    }
    switch byte {
    case UInt8(ascii: "\n"): write("\\n")
    case UInt8(ascii: "\r"): write("\\r")
    case UInt8(ascii: "\t"): write("\\t")
    case 0x8: write("\\b")
    case 0xC: write("\\f")
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
    default: write(byte < 0x10 ? "\\u000\(String(byte, radix: 16))" : "\\u00\(String(byte, radix: 16))")
    }
  }
}
