/// Waits that double up to a limit.
struct BackOff: Sendable, Equatable {
  private let first: Duration
  private let limit: Duration
  private var following: Duration

  init(first: Duration, limit: Duration) {
    self.first = first
    self.limit = limit
    following = first
  }

  /// The wait before the next attempt.
  mutating func next() -> Duration {
    defer { following = min(following * 2, limit) }
    return following
  }

  /// Starts over.
  mutating func reset() {
    following = first
  }
}
