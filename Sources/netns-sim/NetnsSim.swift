import ArgumentParser
import Harness
import JSON
import System

@main
struct NetnsSim: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "netns-sim",
    abstract: "A simulated node, end to end, with live traffic.",
    discussion: "Must be run as root. Everything happens in namespaces of its own; nothing of the machine changes.",
    subcommands: [Demo.self])
}

/// `netns-sim demo`
struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start four pods through the plugin and show where their traffic goes.",
    discussion: """
      A bridge network made by the reference plugins bridge and host-local, istio-cni last in the chain, an API server \
      that speaks HTTPS, and four pods: two with a sidecar, one without, one gateway. Exits with 1 if any connection \
      ended elsewhere than it should.
      """)

  @Flag(help: "Print JSON instead of a table.")
  var json = false

  @Flag(help: "Leave the namespaces for a look with 'ip netns exec'.")
  var keep = false

  @Option(help: "The folder that holds istio-cni. Default: the folder of netns-sim.")
  var pluginFolder: String?

  @Option(help: "The folder that holds the reference plugins.")
  var referencePlugins = "/usr/lib/cni"

  func run() throws {
    let demonstration = try Demonstration(
      pluginFolder: try pluginFolder.map(absolutePath) ?? executableFolder(), referencePlugins: referencePlugins)
    let rows = try demonstration.run()
    print(json ? JSONValue.array(rows.map(\.json)).text(.indented(2)) : table(rows))
    if keep {
      let names = try demonstration.keep()
      // Not on standard output, which may be JSON.
      CurrentProcess.writeStandardError(
        Array(
          """
          kept:   \(names.joined(separator: ", "))
          look:   ip netns exec \(names[1]) nft list ruleset
          remove: \(names.map { "ip netns delete \($0)" }.joined(separator: "; "))

          """.utf8))
    } else {
      try demonstration.tearDown()
    }
    if rows.contains(where: { !$0.isOK }) { throw ExitCode.failure }
  }

  private func table(_ rows: [Demonstration.Row]) -> String {
    let lines =
      [["POD", "DIRECTION", "FROM", "TO", "EXPECTED", "SEEN", "OK"]]
      + rows.map {
        [$0.pod, $0.direction, $0.from, "\($0.to)", $0.expected, $0.seen, $0.isOK ? "yes" : "NO"]
      }
    let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    let text = lines.map { line in
      let cells = zip(line.dropLast(), widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
      return (cells + line.suffix(1)).joined(separator: "   ")
    }
    let wrong = rows.count(where: { !$0.isOK })
    return (text + ["", "\(rows.count) connections, \(wrong) wrong"]).joined(separator: "\n")
  }
}
