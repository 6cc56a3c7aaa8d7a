import JSON

/// How a file spells its plugins, so that one more looks like the others.
///
/// Follows the last plugin; what that one does not show is taken from those before it.
struct EntryLayout {
  /// The members of a plugin.
  let plugin: ContainerLayout

  /// What stands between a key and its value.
  let colon: String

  /// What is inside the brackets of an object or list in a plugin; nil where its content has lines of its own.
  private let object: Gap?
  private let array: Gap?

  /// - Parameter plugins: The plugins to follow, at least one; each is an object with at least one member.
  init(of plugins: [JSONNode], in bytes: [UInt8]) {
    let last = plugins[plugins.count - 1]
    let colon = Separator(bytes[last.members[0].keyRange.upperBound..<last.members[0].node.range.lowerBound])
    self.colon = "\(colon.before.onOneLine):\(colon.after.onOneLine)"
    let comma = "," + colon.after.onOneLine
    plugin = ContainerLayout(of: last.childRanges, in: last.range, of: bytes, betweenInline: comma)

    /// The gap inside the first example; nil if there is none, or one whose content has lines of its own.
    func inlineGap(_ isWanted: (JSONNode) -> Bool) -> Gap? {
      for plugin in plugins.reversed() {
        guard let example = plugin.firstDescendant(where: isWanted) else { continue }
        let gap = Gap(bytes[example.range.lowerBound + 1..<example.childRanges[0].lowerBound])
        return gap.breaksLine ? nil : gap
      }
      return nil
    }
    let array = inlineGap { !$0.elements.isEmpty }
    if plugin.open.breaksLine {
      object = inlineGap { !$0.members.isEmpty }
      self.array = array
    } else {
      object = plugin.open
      self.array = array ?? Gap()
    }
  }

  /// What stands between two of `plugins`, comma included.
  ///
  /// - Parameter list: Where the list of them stands, brackets included.
  func separator(of plugins: [JSONNode], in list: Range<Int>, of bytes: [UInt8]) -> String {
    let isInline = !plugin.between.utf8.contains(UInt8(ascii: "\n"))
    let comma = isInline ? plugin.between : "," + inlineBlank
    return ContainerLayout(of: plugins.map(\.range), in: list, of: bytes, betweenInline: comma).between
  }

  /// The text of one more plugin.
  func text(of entry: JSONObject) -> String {
    text(of: entry.members, in: plugin, depth: 0, isInline: false)
  }

  private func text(
    of members: [(key: String, value: JSONValue)], in layout: ContainerLayout, depth: Int, isInline: Bool
  ) -> String {
    let texts = members.map { key, value in
      JSONValue.string(key).text() + colon + text(of: value, depth: depth + 1, isInline: isInline)
    }
    return "{\(layout.open.text)\(texts.joined(separator: layout.between))\(layout.close.text)}"
  }

  /// - Parameters:
  ///   - depth: 1 for the value of a plugin's member.
  ///   - isInline: Whether the value is inside one that takes a single line.
  private func text(of value: JSONValue, depth: Int, isInline: Bool) -> String {
    switch value {
    case .object(let members) where !members.isEmpty:
      let gap = isInline ? object ?? Gap() : object
      return text(of: members.members, in: layout(inside: gap, depth: depth), depth: depth, isInline: gap != nil)
    case .array(let elements) where !elements.isEmpty:
      let gap = isInline ? array ?? Gap() : array
      let layout = layout(inside: gap, depth: depth)
      let texts = elements.map { text(of: $0, depth: depth + 1, isInline: gap != nil) }
      return "[\(layout.open.text)\(texts.joined(separator: layout.between))\(layout.close.text)]"
    default: return value.text()
    }
  }

  private func layout(inside gap: Gap?, depth: Int) -> ContainerLayout {
    if let gap {
      return ContainerLayout(open: gap, between: "," + inlineBlank, close: gap)
    }
    let indentation = { depth in plugin.open.blank + String(repeating: indentationUnit, count: depth) }
    let open = Gap(lineBreak: plugin.open.lineBreak, blank: indentation(depth))
    let close = Gap(lineBreak: plugin.open.lineBreak, blank: indentation(depth - 1))
    return ContainerLayout(open: open, between: "," + open.text, close: close)
  }

  /// What stands behind a comma where nothing shows it: what stands behind a colon.
  private var inlineBlank: String { colon.utf8.last == UInt8(ascii: ":") ? "" : " " }

  /// By how much a plugin's members are indented more than its brackets.
  private var indentationUnit: String {
    let members = plugin.open.blank
    let bracket = plugin.close.blank
    if plugin.close.breaksLine, members != bracket, members.utf8.starts(with: bracket.utf8) {
      return String(Substring(members.utf8.dropFirst(bracket.utf8.count)))
    }
    return members.utf8.contains(UInt8(ascii: "\t")) ? "\t" : "  "
  }
}

/// The white space of one object or list.
struct ContainerLayout {
  /// Behind the opening bracket.
  let open: Gap

  /// Between two members or elements, comma included.
  let between: String

  /// Before the closing bracket.
  let close: Gap
}

extension ContainerLayout {
  /// Reads the layout of the container at `range`.
  ///
  /// - Parameters:
  ///   - children: Where its members or elements stand; at least one.
  ///   - comma: What to put between two children when there is only one, on the line of its bracket.
  init(of children: [Range<Int>], in range: Range<Int>, of bytes: [UInt8], betweenInline comma: String) {
    let last = children[children.count - 1]
    open = Gap(bytes[range.lowerBound + 1..<children[0].lowerBound])
    close = Gap(bytes[last.upperBound..<range.upperBound - 1])
    if children.count > 1 {
      let separator = Separator(bytes[children[children.count - 2].upperBound..<last.lowerBound])
      between = "\(separator.before.text),\(separator.after.text)"
    } else {
      between = open.breaksLine ? "," + open.text : comma
    }
  }
}

/// White space reduced to what is style: the break of a line and the next one's indentation, or one blank, or nothing.
/// Empty lines and aligned columns are there for what they stand between.
struct Gap {
  /// The line break, as the file spells it; empty when there is none.
  let lineBreak: String

  /// The indentation behind a line break, or the blank.
  let blank: String

  var breaksLine: Bool { !lineBreak.isEmpty }
  var text: String { lineBreak + blank }

  /// The same where a line must not break.
  var onOneLine: String { breaksLine ? " " : blank }
}

extension Gap {
  init(_ whitespace: ArraySlice<UInt8>) {
    guard let newline = whitespace.lastIndex(of: UInt8(ascii: "\n")) else {
      self.init(lineBreak: "", blank: whitespace.isEmpty ? "" : " ")
      return
    }
    let isCRLF = whitespace[..<newline].last == UInt8(ascii: "\r")
    self.init(
      lineBreak: isCRLF ? "\r\n" : "\n", blank: String(decoding: whitespace[(newline + 1)...], as: UTF8.self))
  }

  /// Nothing.
  init() {
    self.init(lineBreak: "", blank: "")
  }
}

/// A comma or colon and the white space around it.
private struct Separator {
  let before: Gap
  let after: Gap

  init(_ bytes: ArraySlice<UInt8>) {
    let parts = bytes.split(
      maxSplits: 1, omittingEmptySubsequences: false, whereSeparator: [UInt8(ascii: ","), UInt8(ascii: ":")].contains)
    before = Gap(parts[0])
    after = Gap(parts[parts.count - 1])
  }
}

extension JSONNode {
  /// Where the members or elements stand.
  fileprivate var childRanges: [Range<Int>] { members.map(\.range) + elements.map(\.range) }

  /// The first value inside this one, from outer to inner, for which the claim holds.
  fileprivate func firstDescendant(where isWanted: (JSONNode) -> Bool) -> JSONNode? {
    for child in members.map(\.node) + elements {
      if isWanted(child) { return child }
      if let found = child.firstDescendant(where: isWanted) { return found }
    }
    return nil
  }
}
