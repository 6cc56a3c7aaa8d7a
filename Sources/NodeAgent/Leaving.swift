import Logging
import ServiceLifecycle

/// What the agent does last: takes the plugin off the node if that is to be without it, and otherwise nothing.
///
/// It ends before the health endpoints do, and after everything that could put back what it takes away.
struct Leaving: Service {
  /// Whether, and why.
  let decide: @Sendable () async -> LeavingDecision.Verdict?
  /// Where everything is now.
  let layout: @Sendable () -> NodeLayout
  let installation: Installation
  let logger: Logger

  func run() async throws {
    // Cancelled, because something else has failed: then nothing is taken away.
    try await gracefulShutdown()
    guard let verdict = await decide() else {
      logger.info("keeping the plugin on this node: whether it is still wanted is not known without an API server")
      return
    }
    logger.info("\(verdict.reason)")
    guard verdict.removes else { return }
    let report = try await installation.settle(removing: layout())
    for step in report.executed { logger.info("done: \(step)") }
    for warning in report.warnings + report.remaining.warnings { logger.warning("\(warning)") }
    if let failure = report.failure {
      throw RemovalIncomplete(description: "\(failure.problem); \(failure.remedy)")
    }
    if let obstacle = report.remaining.obstacles.first {
      throw RemovalIncomplete(description: "\(obstacle.problem); \(obstacle.remedy)")
    }
    logger.info("the plugin is removed from this node")
  }
}

/// Why something of ours is still on a node that was to be left.
struct RemovalIncomplete: Error, CustomStringConvertible {
  let description: String
}
