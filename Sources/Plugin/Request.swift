import CNI
import JSON

/// One invocation on its way through the plugin, with what its log line will say.
struct Request {
  let started: ContinuousClock.Instant
  var input: [UInt8] = []
  var log = LogRecord()
  var logThreshold = LogLevel.info

  init(started: ContinuousClock.Instant) {
    self.started = started
  }

  /// Does what the verb asks.
  ///
  /// - Returns: What to print, if the verb prints anything.
  mutating func serve(_ invocation: Invocation) throws(Failure) -> JSONObject? {
    let network = try NetworkConfiguration(parsing: input)
    try invocation.command.require(in: network.version)
    switch invocation.command {
    case .ADD: return try add(invocation, network)
    case .DEL: delete(invocation)
    case .CHECK, .GC, .STATUS, .VERSION: break
    }
    return nil
  }

  /// The finished line for standard error.
  func logLine() -> [UInt8] {
    var log = log
    let elapsed = (ContinuousClock.now - started).components
    log["duration_us"] = .number(JSONNumber(Int(elapsed.seconds * 1_000_000 + elapsed.attoseconds / 1_000_000_000_000)))
    return log.line(threshold: logThreshold)
  }
}
