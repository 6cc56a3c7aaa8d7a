package import CNI
import JSON
package import Logging
import ServiceLifecycle
import Synchronization
import System

/// Hears of the plugin's invocations: keeps the last ones, counts them, and puts each into the log, once.
package struct PluginRecords: Service {
  private let socketPath: String
  private let history: PluginHistory
  private let metrics: PluginMetrics
  private let logger: Logger
  private let agentLogger: Logger
  private let announce: @Sendable (FailedAddition) -> Void

  /// - Parameters:
  ///   - logger: of the plugin's scope.
  ///   - agentLogger: for what goes wrong here.
  ///   - announce: hears of each pod whose start failed; whoever is slow there holds up all that is told here.
  package init(
    _ runDirectory: RunDirectory, metrics: PluginMetrics, logger: Logger, agentLogger: Logger,
    announce: @escaping @Sendable (FailedAddition) -> Void = { _ in }
  ) {
    socketPath = runDirectory.recordSocket
    history = PluginHistory(runDirectory)
    self.metrics = metrics
    self.logger = logger
    self.agentLogger = agentLogger
    self.announce = announce
  }

  /// Listens until the agent shuts down.
  package func run() async {
    let loss = Loss(logger: agentLogger)
    await cancelWhenGracefulShutdown {
      await ServedSocket(path: socketPath, logger: agentLogger).keep { path in
        try RecordSocket(at: path) { take($0, loss) }
      }
    }
  }

  private func take(_ line: [UInt8], _ loss: Loss) {
    guard let record = try? JSONValue(parsing: line), record.object != nil else {
      // Cut, or of somebody else.
      return metrics.lostRecords.increment()
    }
    // What the agent does to see whether all is well is no pod's history.
    if SelfTestPod.isSubject(of: record) { return }
    count(record)
    tell(record)
    if let failure = FailedAddition(record) { announce(failure) }
    // The time is when it came: the plugin has no need of a clock.
    var kept: JSONObject = ["time": .string(Timestamp(timeSinceEpoch()).description)]
    for member in record.object?.members ?? [] { kept[member.key] = member.value }
    do throws(SystemError) {
      try history.append(JSONValue.object(kept).serialized())
    } catch {
      metrics.lostRecords.increment()
      loss.tell(error)
    }
  }

  private func count(_ record: JSONValue) {
    let command = record["command"]?.string ?? ""
    metrics.requests.increment(command, "\(record["code"]?.int ?? 0)")
    if let decision = record["decision"]?.string {
      metrics.decisions.increment(decision, record["skip"]?.string ?? "")
    }
    if let source = record["facts"]?.string { metrics.facts.increment(source) }
    if let total = record["duration_us"]?.int { metrics.duration.observe(Double(total) / 1e6, command, "total") }
    for phase in record["phases_us"]?.object?.members ?? [] {
      if let time = phase.value.int { metrics.duration.observe(Double(time) / 1e6, command, phase.key) }
    }
  }

  /// One line, with the fields of the record.
  private func tell(_ record: JSONValue) {
    var fields: Logger.Metadata = [:]
    for member in record.object?.members ?? [] where !["level", "command"].contains(member.key) {
      fields[member.key] = .string(member.value.string ?? member.value.text())
    }
    logger.log(level: Self.level(record["level"]?.string), "\(record["command"]?.string ?? "?")", metadata: fields)
  }

  private static func level(_ word: String?) -> Logger.Level {
    switch word {
    case "error": .error
    case "warn": .warning
    case "debug": .debug
    default: .info
    }
  }
}

/// Says once that records are not kept.
private final class Loss: Sendable {
  private let logger: Logger
  private let isTold = Atomic(false)

  init(logger: Logger) {
    self.logger = logger
  }

  func tell(_ error: SystemError) {
    if isTold.exchange(true, ordering: .relaxed) { return }
    logger.warning("the history of the plugin's invocations is not kept: \(error); free space in the run directory")
  }
}
