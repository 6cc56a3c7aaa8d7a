package import Logging

/// How much is logged, in Istio's words.
package enum LogVerbosity: String, Sendable, CaseIterable {
  case none
  case error
  case warn
  case info
  case debug

  static let words = allCases.map(\.rawValue)

  /// The least level of a line that is written; nil when none is.
  package var loggerLevel: Logger.Level? {
    switch self {
    case .none: nil
    case .error: .error
    case .warn: .warning
    case .info: .info
    case .debug: .debug
    }
  }
}

/// The levels of the two scopes: the agent's own lines, and those of the plugin.
package struct LogLevels: Sendable, Equatable {
  package var agent: LogVerbosity
  package var plugin: LogVerbosity
  /// Scopes that are named and that nothing here logs under.
  package var unknownScopes: [String] = []

  package init(agent: LogVerbosity, plugin: LogVerbosity) {
    self.agent = agent
    self.plugin = plugin
  }

  /// Reads `info`, or `default:info,cni-plugin:debug`. The scope `all` outdoes the others.
  ///
  /// - Returns: nil with an item that is neither.
  init?(_ text: String, fallback: LogVerbosity) {
    var levels: [String: LogVerbosity] = [:]
    for item in text.listItems {
      let parts = item.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard let word = parts.last, let level = LogVerbosity(istio: String(word)) else { return nil }
      levels[parts.count == 1 ? "default" : String(parts[0])] = level
    }
    let standard = levels["default"] ?? fallback
    agent = levels["all"] ?? levels["cni-agent"] ?? standard
    plugin = levels["all"] ?? levels["cni-plugin"] ?? standard
    unknownScopes = levels.keys.filter { !["all", "default", "cni-agent", "cni-plugin"].contains($0) }.sorted()
  }
}

extension LogVerbosity {
  /// Istio's loggers know one level more, which nothing here logs at.
  init?(istio word: String) {
    self.init(rawValue: word == "fatal" ? "error" : word)
  }
}
