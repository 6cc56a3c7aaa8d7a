import Kubernetes

/// How long the client waits for what, and how often it asks again.
package struct Pacing: Sendable {
  /// The time of a call with all its attempts.
  package var callLimit = Duration.seconds(30)
  /// The time of one attempt, with its whole answer. A service address leads to one API server of several, and asking
  /// again may lead to a living one.
  package var attemptLimit = Duration.seconds(10)
  /// The time of one page of a list.
  package var pageLimit = Duration.seconds(60)
  /// The time until a connection is up, with TLS.
  package var connectLimit = Duration.seconds(3)
  /// The wait before the second attempt; it doubles from attempt to attempt.
  package var firstDelay = Duration.milliseconds(200)
  /// The longest wait between two attempts.
  package var longestDelay = Duration.seconds(30)
  /// For how many seconds the server is asked to keep a watch open: any number of these, so that the watches of a
  /// cluster's nodes do not end together.
  package var watchSeconds = 300...600
  /// How long a watch may say nothing until it is taken for dead. API servers send a bookmark every minute.
  package var silenceLimit = Duration.seconds(150)
  /// The longest wait before a watch that ended in good order is opened again, so that the nodes do not return together
  /// to an API server that has restarted.
  package var reopeningSpread = Duration.seconds(1)

  package init() {}

  /// The waits of a row of attempts.
  func backOff() -> BackOff {
    BackOff(first: firstDelay, limit: longestDelay)
  }
}

extension BackOff {
  /// The next wait; never shorter than `minimum`, by which a server asked for time.
  mutating func next(atLeast minimum: Duration) -> Duration {
    // Those who were told the same time must not return together either.
    max(nextSpread(), minimum * Double.random(in: 1...1.25))
  }
}
