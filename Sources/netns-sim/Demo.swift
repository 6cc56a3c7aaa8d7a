import ArgumentParser
import Harness
import JSON
import System

/// `netns-sim demo`
struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start four pods through the plugin and show where their traffic goes.",
    discussion: """
      A bridge network made by the reference plugins bridge and host-local, istio-cni put at the end of the chain by \
      'install-cni install', an API server that speaks HTTPS, and four pods: two with a sidecar, one without, one \
      gateway. Exits with 1 if any connection ended elsewhere than it should.
      """)

  @Flag(help: "Print JSON instead of a table.")
  var json = false

  @Flag(help: "Leave the namespaces for a look with 'ip netns exec'.")
  var keep = false

  @OptionGroup var options: ProgramOptions

  func run() throws {
    let demonstration = try Demonstration(try options.programs())
    let rows = try demonstration.run()
    print(json ? JSONValue.array(rows.map(\.json)).text(.indented(2)) : text(rows))
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

  private func text(_ rows: [TrafficRow]) -> String {
    let lines =
      [["POD", "DIRECTION", "FROM", "TO", "EXPECTED", "SEEN", "OK"]]
      + rows.map {
        [$0.pod, $0.direction, $0.from, "\($0.to)", $0.expected, $0.seen, $0.isOK ? "yes" : "NO"]
      }
    let wrong = rows.count(where: { !$0.isOK })
    return "\(table(lines))\n\n\(rows.count) connections, \(wrong) wrong"
  }
}
