/// What the settings, the ConfigMap and the ServiceAccount's files ask for at one moment.
package struct SettingsReading: Sendable, Equatable {
  /// The last settings without a fault.
  package let settings: AgentSettings
  /// What the node should look like; nil when there is no kubeconfig to write, not even an older one.
  package let wanted: Wanted?
  /// What keeps `wanted` from being what it should be: no token, no authority, no address.
  package let obstacles: [Obstacle]
  /// What people should know; nothing of it keeps the node from being healthy.
  package let warnings: [String]
  /// Why what was read last is not in effect: a value that is not allowed, or a ConfigMap that cannot be read.
  package let problem: String?
  /// The folders where a change means that everything is to be read and judged again, there or not.
  package let watchedFolders: [String]
  /// When the token ends, since 1970; nil if it cannot be read or does not say.
  package let tokenExpiry: Duration?

  package init(
    settings: AgentSettings, wanted: Wanted?, obstacles: [Obstacle] = [], warnings: [String] = [],
    problem: String? = nil, watchedFolders: [String] = [], tokenExpiry: Duration? = nil
  ) {
    self.settings = settings
    self.wanted = wanted
    self.obstacles = obstacles
    self.warnings = warnings
    self.problem = problem
    self.watchedFolders = watchedFolders
    self.tokenExpiry = tokenExpiry
  }
}

extension Obstacle.Code {
  /// The ServiceAccount's token cannot be read.
  package static let noToken = Self("noToken")
  /// The API server's certificate authority cannot be read.
  package static let noAuthority = Self("noAuthority")
  /// The container was not told where the API server is.
  package static let noServer = Self("noServer")
}
