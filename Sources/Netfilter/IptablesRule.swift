/// A rule in the words of `iptables-save`.
struct IptablesRule: Sendable, Equatable {
  /// What stands behind `-A CHAIN`, as it was read or is to be written.
  let text: String
  /// What the text means: each option with its `!` and with the match or target that it belongs to, sorted, because
  /// the order of matches changes nothing.
  private let content: [[String]]
  private let comment: String
  /// The chain or target that `-j` or `-g` names.
  let target: String?

  init(_ text: String) {
    let options = IptablesOption.all(in: text)
    let value = { (name: String) in options.first { $0.name == name }?.values.first }
    // `-p tcp` loads the match of that name anyway, and naming a match twice adds no condition.
    let implied: Set = [value("-p"), "comment"]
    let matches = Set(options.lazy.filter { $0.name == "-m" && !implied.contains($0.values.first) }.map(\.words))
    let conditions = options.filter { $0.name != "-m" && $0.name != "--comment" }.map(\.words)
    self.text = text
    content = (matches + conditions).sorted { $0.lexicographicallyPrecedes($1) }
    comment = value("--comment") ?? ""
    target = value("-j") ?? value("-g")
  }

  /// The rule for comparison.
  var spelling: SpelledRule<[[String]]> { SpelledRule(content, comment: comment) }
}

/// An option of a rule with its values: `! --dport 53` of the match `tcp`.
private struct IptablesOption {
  let name: String
  let isNegated: Bool
  /// The match or target that an option with two dashes belongs to.
  let owner: String
  var values: [String] = []

  var words: [String] { [owner, isNegated ? "! \(name)" : name] + values }

  /// Whether the next word is a value whatever it looks like: an interface may be called `-j`.
  private var takesAnyWord: Bool {
    values.isEmpty && ["-s", "-d", "-i", "-o", "-p", "-m", "-j", "-g", "--comment"].contains(name)
  }

  static func all(in text: String) -> [IptablesOption] {
    var options: [IptablesOption] = []
    var owner = ""
    var isNegated = false
    for word in IptablesWord.all(in: text) {
      let isValue = word.isQuoted || options.last?.takesAnyWord == true
      if !isValue, word.text == "!" {
        isNegated = true
      } else if !isValue, word.text.hasPrefix("-") {
        options.append(
          IptablesOption(name: word.text, isNegated: isNegated, owner: word.text.hasPrefix("--") ? owner : ""))
        isNegated = false
      } else if var option = options.popLast() {
        option.values.append(word.text)
        if ["-m", "-j", "-g"].contains(option.name) { owner = word.text }
        options.append(option)
      } else {
        options.append(IptablesOption(name: "", isNegated: isNegated, owner: "", values: [word.text]))
      }
    }
    return options
  }
}

/// A word of a rule, without its quotes.
struct IptablesWord: Equatable {
  let text: String
  /// Whether it stood in quotes, and so is no option.
  let isQuoted: Bool

  /// The words of a text, cut as `iptables-restore` does it (add_param_to_argv, iptables/xshared.c): a closing quote
  /// ends the word, and a backslash means something in quotes only.
  static func all(in text: String) -> [IptablesWord] {
    var words: [IptablesWord] = []
    var bytes: [UInt8] = []
    var isQuoted = false
    var isOpen = false
    var isEscaped = false
    let end = {
      if isQuoted || !bytes.isEmpty {
        words.append(IptablesWord(text: String(decoding: bytes, as: UTF8.self), isQuoted: isQuoted))
      }
      bytes = []
      isQuoted = false
    }
    for byte in text.utf8 {
      switch byte {
      case _ where isEscaped:
        bytes.append(byte)
        isEscaped = false
      case UInt8(ascii: "\\") where isOpen: isEscaped = true
      case UInt8(ascii: "\"") where isOpen:
        isOpen = false
        end()
      case _ where isOpen: bytes.append(byte)
      case UInt8(ascii: "\""):
        isQuoted = true
        isOpen = true
      case UInt8(ascii: " "), UInt8(ascii: "\t"): end()
      default: bytes.append(byte)
      }
    }
    end()
    return words
  }
}

extension String {
  /// The text as one word, in quotes if it needs them, as `iptables-save` prints it (xtables_save_string,
  /// libxtables/xtables.c).
  var iptablesWord: String {
    let isPlain = utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    if isPlain, !isEmpty { return self }
    return "\"" + unicodeScalars.map { ["\"", "\\", "'"].contains($0) ? "\\\($0)" : "\($0)" }.joined() + "\""
  }
}
