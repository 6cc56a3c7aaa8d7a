import JSON

// How foreign text is shown inside an error: on one line and cut, so that it cannot flood or forge a log.
extension String {
  /// The text with each run of line breaks and other control characters replaced by one space.
  var onOneLine: String {
    var line = String.UnicodeScalarView()
    var isInRun = false
    for scalar in unicodeScalars {
      let isBreak =
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
      if !isBreak { line.append(scalar) } else if !isInRun { line.append(" ") }
      isInRun = isBreak
    }
    return String(line)
  }

  /// The text, or its start and `…` if it has more than `length` Unicode scalars.
  func shortened(to length: Int) -> String {
    guard unicodeScalars.count > length else { return self }
    return String(unicodeScalars.prefix(length - 1)) + "…"
  }

  /// The text in quotes, on one line, cut to `length` Unicode scalars.
  func quoted(to length: Int = 40) -> String {
    "\"\(onOneLine.shortened(to: length - 2))\""
  }
}

extension JSONValue {
  /// The value as JSON, cut to `length` Unicode scalars; a string stays in quotes.
  func excerpt(to length: Int) -> String {
    if case .string(let text) = self { text.quoted(to: length) } else { text().onOneLine.shortened(to: length) }
  }
}
