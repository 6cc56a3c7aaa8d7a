import CNI
import JSON
import MeshPod
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
  /// What is shared with the agent, once the configuration has said so.
  var runDirectory: RunDirectory?
  private var phases: JSONObject = [:]
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

  /// Takes over what the configuration says of logs.
  mutating func adopt(_ options: PluginConfiguration) {
    logThreshold = options.logLevel
    runDirectory = options.runDirectory
  }

  /// Runs a part of the work, and notes how long it took.
  mutating func timing<R, E: Error>(_ phase: String, _ body: (inout Request) throws(E) -> R) throws(E) -> R {
    let start = ContinuousClock.now
    defer { phases[phase] = Self.microseconds(since: start) }
    return try body(&self)
  }

  private static func microseconds(since start: ContinuousClock.Instant) -> JSONValue {
    let elapsed = (ContinuousClock.now - start).components
    return .number(JSONNumber(Int(elapsed.seconds * 1_000_000 + elapsed.attoseconds / 1_000_000_000_000)))
  }

  /// All that is to be told of the invocation, now that it is over.
  func finishedLog() -> LogRecord {
    var log = log
    if !phases.members.isEmpty { log["phases_us"] = .object(phases) }
    log["duration_us"] = Self.microseconds(since: started)
    return log
  }
}

/// Half sentences for the log line, from whoever has some.
final class Notes: Sendable {
  private let collected = Mutex<[String]>([])

  var all: [String] { collected.withLock { $0 } }

  func append(_ note: String) { collected.withLock { $0.append(note) } }
}
