extension Catalogue {
  /// Plugins that steer a container's traffic to a proxy, by rules in its namespace.
  static let redirectCases: [ConformanceCase] =
    (redirectAdditionCases + redirectDeletionCases + redirectCheckCases + redirectTrafficCases + redirectNeighbourCases
    + redirectTroubleCases).sorted { $0.id < $1.id }
}
