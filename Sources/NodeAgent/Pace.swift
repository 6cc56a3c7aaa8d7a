/// How long the agent waits for what.
package struct Pace: Sendable {
  /// Everything is looked at again after this long without an event: what a file system does not tell.
  package var resync = Duration.seconds(60)
  /// Where a folder cannot be watched.
  package var polling = Duration.seconds(1)
  /// While a file is being written.
  package var settling = Duration.milliseconds(50)
  /// For so long a file that is being written takes no readiness away.
  package var patience = Duration.seconds(2)
  /// A burst of events is over after this long without one …
  package var quiet = Duration.milliseconds(5)
  /// … and is not waited for any longer than this.
  package var burst = Duration.milliseconds(20)
  /// After a failure; doubled up to ``retryLimit``. Events cause passes before, but none sooner than this.
  package var retry = Duration.milliseconds(200)
  package var retryLimit = Duration.seconds(30)
  /// Between repairs that another program undoes; doubled up to ``contestLimit``.
  package var contest = Duration.seconds(1)
  package var contestLimit = Duration.seconds(30)

  package init() {}

  /// Spread, so that the nodes of a cluster do not ask at the same time.
  var nextResync: Duration { resync * Double.random(in: 0.9...1.1) }
}
