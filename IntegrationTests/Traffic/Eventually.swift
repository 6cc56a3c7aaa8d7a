import Glibc

/// Asks for a value until it is the expected one or time is over, and returns the last one seen.
func eventually<V: Equatable>(
  _ expected: V, within limit: Duration = .seconds(10), _ value: () throws -> V
) rethrows -> V {
  let deadline = ContinuousClock.now + limit
  while true {
    let seen = try value()
    if seen == expected || ContinuousClock.now > deadline { return seen }
    usleep(10_000)
  }
}

extension Duration {
  /// Lets this much time pass on the calling thread: not to await a state, but to come at a chosen moment.
  func elapse() {
    let deadline = ContinuousClock.now + self
    while ContinuousClock.now < deadline { usleep(useconds_t(max(0, (deadline - .now) / .microseconds(1)))) }
  }
}
