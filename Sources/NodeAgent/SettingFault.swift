/// Where the value of a setting comes from.
package enum SettingOrigin: Sendable, Hashable {
  case flag
  case configMap
  case environment
  case standard
}

/// A value that its setting does not allow, where it stands, and what to do.
package struct SettingFault: Error, Sendable, Equatable {
  package let setting: Setting
  package let origin: SettingOrigin
  package let value: String
  /// The rest of a sentence that begins with the value: `is not a number`.
  package let problem: String
  /// What is allowed.
  package let remedy: String
}

extension SettingFault: CustomStringConvertible {
  /// `setting HEALTH_PORT: "http" of the environment is not a number from -1 to 65535; ...`
  package var description: String { "\(problemText); \(remedy)" }

  /// The same without the remedy.
  package var problemText: String {
    let shown = value.count > 60 ? value.prefix(57) + "..." : value[...]
    return "setting \(setting.key): \"\(shown)\" of \(origin.name(for: setting)) \(problem)"
  }
}

extension SettingOrigin {
  /// How texts name it.
  package func name(for setting: Setting) -> String {
    switch self {
    case .flag: "flag --\(setting.flag ?? "")"
    case .configMap: "the ConfigMap"
    case .environment: "the environment"
    case .standard: "the default"
    }
  }
}
