/// Waits that double up to a limit.
package struct BackOff: Sendable, Equatable {
  private let first: Duration
  private let limit: Duration
  private var following: Duration

  package init(first: Duration, limit: Duration) {
    self.first = first
    self.limit = limit
    following = first
  }

  /// The wait before the next attempt.
  package mutating func next() -> Duration {
    defer { following = min(following * 2, limit) }
    return following
  }

  /// The same, up to a quarter shorter or longer, so that those who failed together do not ask again together.
  package mutating func nextSpread() -> Duration {
    next() * Double.random(in: 0.75...1.25)
  }

  /// Starts over.
  package mutating func reset() {
    following = first
  }
}
