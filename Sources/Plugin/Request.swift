import CNI
import JSON
import Netfilter
import Synchronization

/// One invocation on its way through the plugin, with what its log line will say.
struct Request {
  let started: ContinuousClock.Instant
  /// How long the node has been up.
  let uptime: Duration
  var input: [UInt8] = []
  var log = LogRecord()
  var logThreshold = LogLevel.info
  /// Where programs are looked for, should a back end need any.
  let programFolders: [String]
  /// What a back end has to say of its choices.
  let notes = Notes()

  init(started: ContinuousClock.Instant, uptime: Duration, programFolders: [String]) {
    self.started = started
    self.uptime = uptime
    self.programFolders = programFolders
  }

  /// The back ends, of which the configuration or the kernel chooses.
  func backends(_ preference: BackendSelection.Preference) -> BackendSelection {
    BackendSelection(
      preference,
      iptables: IptablesBackend(folders: programFolders) { [notes] note in notes.append(note) })
  }

  /// Does what the verb asks.
  ///
  /// - Returns: What to print, if the verb prints anything.
  mutating func serve(_ invocation: Invocation) throws(Failure) -> JSONObject? {
    let network = try NetworkConfiguration(parsing: input)
    try invocation.command.require(in: network.version)
    switch invocation.command {
    case .ADD: return try add(invocation, network)
    case .DEL: try delete(invocation, network)
    case .CHECK: try check(invocation, network)
    case .GC: try collectGarbage(network)
    case .STATUS: try status(network)
    case .VERSION: break
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

/// Half sentences for the log line, from whoever has some.
final class Notes: Sendable {
  private let collected = Mutex<[String]>([])

  var all: [String] { collected.withLock { $0 } }

  func append(_ note: String) { collected.withLock { $0.append(note) } }
}
