extension Installation {
  /// How long others may be in the middle of writing.
  private static let patience = Duration.seconds(5)

  /// Makes the node as wanted, and waits a moment for others who are writing just now.
  ///
  /// - Throws: `CancellationError`.
  package func settle(_ wanted: Wanted) async throws -> PassReport {
    try await settle { pass(wanted) }
  }

  /// Takes everything of ours from the node in the same way.
  ///
  /// - Throws: `CancellationError`.
  package func settle(removing layout: NodeLayout) async throws -> PassReport {
    try await settle { remove(layout) }
  }

  private func settle(_ pass: () -> PassReport) async throws -> PassReport {
    let end = ContinuousClock.now + Self.patience
    var executed: [Step] = []
    while true {
      let report = pass()
      executed += report.executed
      let isPassing =
        report.failure?.isTransient
        ?? (!report.remaining.steps.isEmpty || report.remaining.obstacles.contains { $0.code == .settling })
      if !isPassing || ContinuousClock.now > end {
        return PassReport(
          executed: executed, failure: report.failure, remaining: report.remaining, warnings: report.warnings)
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}
