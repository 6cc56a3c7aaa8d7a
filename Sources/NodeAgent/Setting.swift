/// One thing that can be set: by a flag, by a key of the ConfigMap, or by an environment variable of the key's name.
///
/// The table of all of them is ``all``; flags, help, the README and the reader of the values are made of it.
package struct Setting: Sendable, Hashable {
  /// What a value looks like.
  package enum Form: Sendable, Hashable {
    case text
    /// An absolute path.
    case path
    /// Absolute paths, separated by commas.
    case paths
    /// The name of a file, with one of these endings.
    case fileName([String])
    /// Words, separated by commas.
    case words
    case bool
    case integer(ClosedRange<Int>)
    /// Permission bits: in octal with a 0 in front, else decimal.
    case mode
    case choice([String])
    /// Numbers of groups or `*`.
    case groups
    /// A prefix of 127.0.0.0/8.
    case loopback
    /// Levels of the log: `info`, or `default:info,cni-plugin:debug`.
    case levels
    /// Conditions, separated by commas, all of which must hold.
    case selector
  }

  /// When a new value takes effect.
  package enum Use: Sendable, Hashable {
    /// At once.
    case reloaded
    /// When the agent starts.
    case atStart
    /// Never: Istio's agent knows it, and this one does not have what it is about.
    case never
  }

  /// The key of the ConfigMap, and the environment variable.
  package let key: String
  /// Other spellings of the key.
  package let aliases: [String]
  /// The flag, without its dashes; nil where there is none.
  package let flag: String?
  package let form: Form
  /// What holds when nothing is set; empty when then nothing does.
  package let standard: String
  /// Whether an empty value is a value.
  package let takesEmpty: Bool
  package let use: Use
  /// What it is for.
  package let help: String

  init(
    _ key: String, aliases: [String] = [], flag: String? = nil, _ form: Form, _ standard: String = "",
    takesEmpty: Bool = false, use: Use = .reloaded, _ help: String
  ) {
    self.key = key
    self.aliases = aliases
    self.flag = flag ?? key.lowercased().replacing("_", with: "-")
    self.form = form
    self.standard = standard
    self.takesEmpty = takesEmpty
    self.use = use
    self.help = help
  }

  /// One that is accepted and has no effect.
  ///
  /// - Parameter flag: whether Istio's agent has a flag for it.
  init(unused key: String, flag: Bool) {
    self.key = key
    aliases = []
    self.flag = flag ? key.lowercased().replacing("_", with: "-") : nil
    form = .text
    standard = ""
    takesEmpty = false
    use = .never
    help = "accepted, without effect"
  }

  /// One of Istio's flags that is accepted and has no effect, and that never was a key.
  init(unusedFlag flag: String) {
    key = flag.uppercased()
    aliases = []
    self.flag = flag
    form = .text
    standard = ""
    takesEmpty = false
    use = .never
    help = "accepted, without effect"
  }

  /// What stands for the value in a line of help.
  package var valueName: String {
    switch form {
    case .text: "text"
    case .path: "path"
    case .paths: "path,..."
    case .fileName: "name"
    case .words: "name,..."
    case .bool: "true|false"
    case .integer: "number"
    case .mode: "mode"
    case .choice(let words): words.joined(separator: "|")
    case .groups: "gid,..."
    case .loopback: "prefix"
    case .levels: "scope:level,..."
    case .selector: "condition,..."
    }
  }
}

extension Setting: CustomStringConvertible {
  package var description: String { key }
}
