package import Logging
import Synchronization
import System

/// The agent's log: lines in Istio's form on standard output, with a level for each scope that can change at any time.
package final class AgentLog: Sendable {
  /// The scope whose name is not written.
  package static let defaultScope = "default"
  /// The agent's own lines.
  package static let agentScope = "cni-agent"
  /// Lines of the plugin.
  package static let pluginScope = "cni-plugin"

  private let format: LogFormat
  private let levels: Mutex<LogLevels>
  private let timeOfDay: @Sendable () -> Duration
  /// Held while a line is written, so that lines do not mix.
  private let output: Mutex<@Sendable ([UInt8]) -> Void>

  /// - Parameters:
  ///   - timeOfDay: since 1970.
  ///   - write: takes a whole line.
  package init(
    _ format: LogFormat, levels: LogLevels,
    timeOfDay: @escaping @Sendable () -> Duration = { timeSinceEpoch() },
    write: @escaping @Sendable ([UInt8]) -> Void = AgentLog.writeStandardOutput
  ) {
    self.format = format
    self.levels = Mutex(levels)
    self.timeOfDay = timeOfDay
    output = Mutex(write)
  }

  /// Writes a line to standard output, with one call.
  package static func writeStandardOutput(_ line: [UInt8]) {
    // A log that nobody takes is no reason to stop, and there is no other place to tell.
    try? CurrentProcess.writeStandardOutput(line)
  }

  /// A logger whose lines carry the name of `scope`.
  package func logger(_ scope: String) -> Logger {
    Logger(label: scope) { AgentLogHandler(log: self, scope: $0) }
  }

  /// Puts these levels in the place of those before, for loggers that exist already as well.
  package func setLevels(_ levels: LogLevels) {
    self.levels.withLock { $0 = levels }
  }

  /// How much of `scope` is written.
  package func verbosity(of scope: String) -> LogVerbosity {
    levels.withLock { scope == Self.pluginScope ? $0.plugin : $0.agent }
  }

  /// Writes lines of the plugin with the times that they have, and none of another process among them.
  func write(_ lines: [PluginLogLine]) {
    guard let least = verbosity(of: Self.pluginScope).loggerLevel else { return }
    let bytes = lines.filter { $0.level >= least }.map { line in
      LogLine(
        time: line.time, level: line.level, scope: Self.pluginScope, message: line.message, fields: line.fields
      ).bytes(format)
    }
    output.withLock { write in bytes.forEach { write($0) } }
  }

  fileprivate func write(_ event: LogEvent, scope: String, fields: Logger.Metadata) {
    let line = LogLine(
      time: Timestamp(timeOfDay()), level: event.level, scope: scope, message: "\(event.message)",
      fields: fields)
    output.withLock { write in write(line.bytes(format)) }
  }
}

private struct AgentLogHandler: LogHandler {
  let log: AgentLog
  let scope: String
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  /// A level that was set on one logger alone.
  private var ownLevel: Logger.Level?

  init(log: AgentLog, scope: String) {
    self.log = log
    self.scope = scope
  }

  var logLevel: Logger.Level {
    // A logger has no level for nothing at all; `log` keeps back what is left.
    get { ownLevel ?? log.verbosity(of: scope).loggerLevel ?? .critical }
    set { ownLevel = newValue }
  }

  subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    if ownLevel == nil, log.verbosity(of: scope) == .none { return }
    var fields = metadata
    fields.merge(metadataProvider?.get() ?? [:]) { $1 }
    fields.merge(event.metadata ?? [:]) { $1 }
    if let error = event.error { fields["error"] = "\(error)" }
    log.write(event, scope: scope, fields: fields)
  }
}
