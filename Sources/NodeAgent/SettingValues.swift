/// What is set, from all the places where it can be.
///
/// A flag comes before the ConfigMap, that before the environment, that before the default. A key that is there and
/// empty stands for the default, so that a ConfigMap can take back what the environment says.
package struct SettingValues: Sendable, Equatable {
  /// By flag, without dashes.
  package var flags: [String: String]
  package var configMap: [String: String]
  package var environment: [String: String]

  package init(flags: [String: String], configMap: [String: String], environment: [String: String]) {
    self.flags = flags
    self.configMap = configMap
    self.environment = environment
  }

  /// What `setting` is set to, without white space around it; nil when nothing is and it has no default.
  package func value(_ setting: Setting) -> (text: String, origin: SettingOrigin)? {
    for (values, keys, origin) in [
      (flags, setting.flag.map { [$0] } ?? [], SettingOrigin.flag),
      (configMap, [setting.key] + setting.aliases, .configMap),
      (environment, [setting.key] + setting.aliases, .environment),
    ] {
      guard let text = keys.lazy.compactMap({ values[$0] }).first?.trimmed else { continue }
      // As Istio's agent: a variable that is there and empty is not set.
      if text.isEmpty, origin == .environment, !setting.takesEmpty { continue }
      if text.isEmpty, !setting.takesEmpty { break }
      return (text, origin)
    }
    return setting.standard.isEmpty ? nil : (setting.standard, .standard)
  }

  // MARK: Values of a form

  func text(_ setting: Setting) -> String? { value(setting)?.text }

  func bool(_ setting: Setting) throws(SettingFault) -> Bool {
    guard let (text, _) = value(setting) else { return false }
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": return true
    case "0", "f", "F", "false", "FALSE", "False": return false
    default: throw fault(setting, "is neither true nor false", "use true or false")
    }
  }

  func integer(_ setting: Setting) throws(SettingFault) -> Int? {
    guard let (text, _) = value(setting), case .integer(let range) = setting.form else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw fault(
        setting, "is not a number from \(range.lowerBound) to \(range.upperBound)", "use a number in that range")
    }
    return number
  }

  /// Nil for a port that is turned off.
  func port(_ setting: Setting) throws(SettingFault) -> Int? {
    guard let (text, _) = value(setting) else { return nil }
    guard let number = Int(text), number <= 65535 else {
      throw fault(setting, "is not a port", "use a number from 1 to 65535, or 0 to do without")
    }
    return number > 0 ? number : nil
  }

  func choice(_ setting: Setting) throws(SettingFault) -> String? {
    guard let (text, _) = value(setting), case .choice(let words) = setting.form else { return nil }
    guard words.contains(text) else {
      throw fault(setting, "is not known", "use \(words.count == 1 ? "" : "one of: ")\(words.joined(separator: ", "))")
    }
    return text
  }

  func path(_ setting: Setting) throws(SettingFault) -> String? {
    guard let (text, _) = value(setting) else { return nil }
    return try path(text, of: setting)
  }

  func paths(_ setting: Setting) throws(SettingFault) -> [String] {
    guard let (text, _) = value(setting) else { return [] }
    var paths: [String] = []
    for item in text.listItems {
      let path = try path(item, of: setting)
      if !paths.contains(path) { paths.append(path) }
    }
    guard !paths.isEmpty else {
      throw fault(setting, "names no folder", "use absolute paths, separated by commas")
    }
    return paths
  }

  private func path(_ text: String, of setting: Setting) throws(SettingFault) -> String {
    let isClean = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    guard text.hasPrefix("/"), isClean, !text.split(separator: "/").contains("..") else {
      throw fault(setting, "is not an absolute path", "use a path that begins with / and has no ..")
    }
    let parts = text.split(separator: "/").filter { $0 != "." }
    return "/" + parts.joined(separator: "/")
  }

  func fileName(_ setting: Setting, endings: [String]? = nil) throws(SettingFault) -> String? {
    guard let (text, _) = value(setting), case .fileName(let usual) = setting.form else { return nil }
    let endings = endings ?? usual
    // A name that begins with a dot is passed over by some runtimes, and used by us for what is not finished.
    guard !text.contains("/"), !text.hasPrefix("."), text.utf8.count < 200,
      text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F }),
      endings.contains(where: { text.hasSuffix($0) })
    else {
      throw fault(
        setting, "is not the name of such a file",
        "use a name without a path or a leading dot that ends in \(endings.joined(separator: " or "))")
    }
    return text
  }

  /// Permission bits that give nobody but the owner a way to write, and nobody a way to run it.
  func mode(_ setting: Setting) throws(SettingFault) -> UInt32 {
    guard let (text, _) = value(setting) else { return 0o600 }
    let octal = text.hasPrefix("0o") ? text.dropFirst(2) : text.hasPrefix("0") ? text.dropFirst() : nil
    let bits = octal.map { UInt32($0, radix: 8) } ?? UInt32(text)
    guard let bits, bits & ~0o644 == 0, bits & 0o400 != 0 else {
      throw fault(
        setting, "are not permission bits for a secret",
        "use 0600, 0640, 0644, 0400, 0440 or 0444 in octal, with the leading 0")
    }
    return bits
  }

  func name(_ setting: Setting) throws(SettingFault) -> String? {
    guard let (text, _) = value(setting) else { return nil }
    guard text.utf8.count <= 253, text.first != "-", text.first != ".",
      text.utf8.allSatisfy({ Self.lowercaseLetters.contains($0) || Self.digits.contains($0) || "-.".utf8.contains($0) })
    else {
      throw fault(
        setting, "is not a name of a Kubernetes object", "use lower-case letters, digits, \"-\" and \".\"")
    }
    return text
  }

  private static let lowercaseLetters = UInt8(ascii: "a")...UInt8(ascii: "z")
  private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")

  func fault(_ setting: Setting, _ problem: String, _ remedy: String) -> SettingFault {
    let (text, origin) = value(setting) ?? ("", .standard)
    return SettingFault(setting: setting, origin: origin, value: text, problem: problem, remedy: remedy)
  }
}

extension String {
  /// Without white space at both ends.
  var trimmed: String {
    var rest = self[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }

  /// The items between commas, without white space around them; empty ones are dropped.
  var listItems: [String] { split(separator: ",").map { String($0).trimmed }.filter { !$0.isEmpty } }
}
