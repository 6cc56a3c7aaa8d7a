import CNI
import JSON
import System

/// One invocation of a plugin before it is made: change what is to be wrong about it, then run it.
struct Call: Sendable {
  var environment: [String: String]
  var configuration: JSONObject
  /// Goes to standard input in place of the configuration.
  var input: [UInt8]?
  var executable: String
  /// A program with arguments that executes the plugin: `["/usr/bin/setpriv", "--reuid", "65534"]`.
  var launcher: [String] = []
  /// After this time the plugin is killed, and hangs.
  var timeLimit = Duration.seconds(20)

  static let networkName = "conformance"
  static let searchPath = "/usr/sbin:/usr/bin:/sbin:/bin"

  /// A call as the reference library makes it; of a container its `call` knows more.
  init(_ verb: Command, to subject: Subject, in version: SpecVersion) {
    environment = ["CNI_COMMAND": verb.rawValue, "HOME": "/root", "PATH": Self.searchPath]
    executable = subject.path
    environment["CNI_PATH"] = subject.pluginFolders.joined(separator: ":")
    switch verb {
    case .VERSION:
      for key in ["CNI_NETNS", "CNI_IFNAME", "CNI_PATH"] { environment[key] = "dummy" }
      configuration = [:]
    case .STATUS, .GC:
      for key in ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"] { environment[key] = "" }
      configuration = subject.manifest.configuration
    case .ADD, .DEL, .CHECK:
      configuration = subject.manifest.configuration
    }
    configuration["cniVersion"] = .string(version.rawValue)
    guard verb != .VERSION else { return }
    configuration["name"] = .string(Self.networkName)
    if verb != .STATUS && verb != .GC {
      configuration["runtimeConfig"] = subject.manifest.runtimeConfiguration.map { .object($0) }
    }
  }

  /// What goes to standard input.
  var standardInput: [UInt8] { input ?? JSONValue.object(configuration).serialized() }

  var verb: String { environment["CNI_COMMAND"] ?? "(no verb)" }
}

/// A plugin that is running.
struct RunningCall: ~Copyable {
  private var child: Child
  private let call: Call
  private let started = ContinuousClock.now
  private let timeLimit: Duration
  private let journal: Journal
  /// What of the input the plugin still has to get.
  private var unsent: [UInt8]

  init(_ child: consuming Child, of call: Call, timeLimit: Duration, journal: Journal) {
    self.child = child
    self.call = call
    self.timeLimit = timeLimit
    self.journal = journal
    unsent = call.standardInput
  }

  var pid: Int32 { child.pid }

  /// Writes the next bytes of its input, all of it without a count; the end stays open.
  mutating func send(_ count: Int? = nil) throws {
    let piece = unsent.prefix(count ?? unsent.count)
    try child.send(Array(piece))
    unsent.removeFirst(piece.count)
  }

  /// Writes what is left of its input, and ends it.
  mutating func finishInput() throws {
    try send()
    child.closeInput()
  }

  /// Closes the reading end of its standard output.
  mutating func closeOutput() {
    child.closeOutput()
  }

  /// Closes the reading end of its standard error.
  mutating func closeError() {
    child.closeError()
  }

  func kill(_ signal: Int32) throws {
    try child.kill(signal)
  }

  /// Writes what is left of its input, and waits for its end.
  consuming func reply() throws -> Reply {
    let call = call
    let started = started
    let journal = journal
    let outcome = try child.finish(standardInput: unsent, timeLimit: timeLimit, since: started)
    let reply = Reply(outcome, verb: call.verb, duration: ContinuousClock.now - started)
    journal.record("\(call.verb) \(call.environment["CNI_CONTAINERID"] ?? "")", reply)
    return reply
  }
}
