import ArgumentParser
import Harness
import JSON
import System

/// `bench instructions`: what the plugin computes, which a busy machine does not change. Compared with what is recorded,
/// so that nobody makes each pod's start dearer without knowing.
struct Instructions: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Counts the plugin's instructions, and fails if they have become more.")

  /// Hash seeds, which are another each time, make for 1.5 % of VERSION.
  private static let tolerance = 0.03

  @Option(help: "The folder that holds istio-cni and install-cni.")
  var pluginFolder = ".build/dist"

  @Option(help: "The file with the recorded counts.")
  var recorded = "fixtures/bench/instructions.json"

  @Flag(help: "Record the counts as they are now.")
  var update = false

  func run() throws {
    let folder = try absolutePath(pluginFolder)
    let host = try AgentNode(AgentNode.Programs(folder: folder))
    let agent = try host.warmAgent(for: [Verbs.pod])
    var counts: JSONObject = [:]
    for (index, contestant) in try Contestant.plugins(on: host, "\(folder)/istio-cni").enumerated() {
      let sandbox = try Verbs.sandbox(number: index + 1, on: host)
      let count = try contestant.commands.map { try instructions(of: $0, for: sandbox, on: host) }.reduce(0, +)
      counts[contestant.name] = .number(JSONNumber(count))
      try sandbox.remove()
    }
    try agent.terminate()

    let before = update ? .object(counts) : try JSONValue(parsing: try readFile(recorded, limit: 1 << 16))
    let widths = [42, 14, 14, 10]
    print(row(["", "INSTRUCTIONS", "RECORDED", "RATIO"], widths: widths))
    var isDearer = false
    for (name, count) in counts.members {
      let (now, then) = (count.int ?? 0, before[name]?.int ?? 0)
      let ratio = Double(now) / Double(then)
      print(row([name, "\(now)", "\(then)", ratio.fixed(3)], widths: widths))
      if ratio > 1 + Self.tolerance { isDearer = true }
    }
    if update {
      try AtomicFile.write(JSONValue.object(counts).serialized(.indented(2)) + [0x0A], to: recorded, mode: 0o644)
    }
    if isDearer {
      print("More than 3 % above what is recorded in \(recorded): find out why, or record it with --update.")
      throw ExitCode.failure
    }
  }

  /// The count of one run, by callgrind.
  private func instructions(of command: Contestant.Command, for sandbox: Sandbox, on host: AgentNode) throws -> Int {
    let input = try host.node.read(command.input) ?? []
    let environment = command.environment(for: sandbox)
    let words = ["--tool=callgrind", "--callgrind-out-file=/dev/null"] + command.words(for: sandbox)
    let outcome = try host.node.run { () throws(SystemError) in
      try runChild(
        "/usr/bin/valgrind", arguments: words, environment: environment, standardInput: input, timeLimit: .seconds(60))
    }
    let report = String(decoding: outcome.standardError, as: UTF8.self)
    // A plugin that fails computes less.
    guard outcome.status == .exited(0),
      let line = report.split(separator: "\n").last(where: { $0.contains("Collected : ") }),
      let count = line.split(separator: " ").last.flatMap({ Int($0) })
    else {
      print("cannot count the instructions of \(command.words[0]): callgrind ended as \(outcome.status)\n\(report)")
      throw ExitCode.failure
    }
    return count
  }
}
