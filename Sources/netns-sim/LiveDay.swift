import ArgumentParser
import Harness
import JSON

extension Day.Mode: ExpressibleByArgument {}

/// `netns-sim day`
struct LiveDay: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "day",
    abstract: "Live a day in a node's life with the real installer, with live traffic before and after each step.",
    discussion: """
      Boot without a network, the primary plugin's arrival, installation, pods, the primary plugin's upgrade, a rotated \
      token, a changed ConfigMap, an outage of the API server, the agent's crash while pods start, its upgrade, a power \
      cut with pods that are back before the agent, and the end of the mesh on the node. Exits with 1 if any claim does \
      not hold: above all if a pod of the mesh was ever without its redirect, or did not start, or could not end, or if \
      a pod outside of it took two seconds to start.
      """)

  @Option(
    help: "Where the plugin stands: chained, in the primary plugin's list; owned, in one of its own. Default: both.")
  var mode: Day.Mode?

  @Flag(help: "Print JSON instead of a table.")
  var json = false

  @OptionGroup var options: ProgramOptions

  func run() throws {
    let start = ContinuousClock.now
    var rows: [Day.Row] = []
    for mode in mode.map({ [$0] }) ?? Day.Mode.allCases {
      rows += try Day(mode, try options.programs()).run()
    }
    print(json ? JSONValue.array(rows.map(\.json)).text(.indented(2)) : text(rows, ContinuousClock.now - start))
    if rows.contains(where: { $0.problem != nil }) { throw ExitCode.failure }
  }

  private func text(_ rows: [Day.Row], _ duration: Duration) -> String {
    var lines = [["MODE", "STEP", "WHAT WAS CHECKED", "RESULT"]]
    var step = ""
    for row in rows {
      let isNew = row.step != step
      step = row.step
      lines.append([isNew ? row.mode.rawValue : "", isNew ? row.step : "", row.claim, row.problem ?? "ok"])
    }
    let wrong = rows.count(where: { $0.problem != nil })
    let seconds = Int((duration / .seconds(1)).rounded())
    return "\(table(lines))\n\n\(rows.count) claims in \(seconds) s, \(wrong) wrong"
  }
}
