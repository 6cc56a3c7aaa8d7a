import ArgumentParser
import Harness

@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Times the plugin as a whole process beside the programs it does without, and weighs the agent.",
    discussion: "Must be run as root; works in namespaces of its own.",
    subcommands: [Verbs.self, Instructions.self, AgentCost.self, Connections.self, Repair.self, PeakMemory.self],
    defaultSubcommand: Verbs.self)
}

/// Cells as a line of a table, each to the right of its column but the first.
func row(_ cells: [String], widths: [Int]) -> String {
  zip(cells, widths).enumerated().map { column, pair in
    let padding = String(repeating: " ", count: max(0, pair.1 - pair.0.count))
    return column == 0 ? pair.0 + padding : padding + pair.0
  }.joined()
}

/// Milliseconds with three digits of their fraction.
func text(_ duration: Duration) -> String { (duration / .milliseconds(1)).fixed(3) }

extension [Duration] {
  /// The smallest that so large a part of them does not exceed: 0.5 is the median. Of an array that is not empty.
  func quantile(_ part: Double) -> Duration {
    sorted()[Swift.min(count - 1, Int((Double(count) * part).rounded(.down)))]
  }
}
