import Testing

/// Asks again until it is so, and records an issue when that is not within the limit.
func within(
  _ limit: Duration, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () throws -> Bool
) async rethrows {
  let deadline = ContinuousClock.now + limit
  while try !condition() {
    guard ContinuousClock.now < deadline, !Task.isCancelled else {
      Issue.record(comment ?? "not within \(limit)", sourceLocation: sourceLocation)
      return
    }
    // A cancelled test ends at the check above.
    try? await Task.sleep(for: .milliseconds(1))
  }
}
