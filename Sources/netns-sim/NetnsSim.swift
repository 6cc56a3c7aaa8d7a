import ArgumentParser
import Harness
import System

@main
struct NetnsSim: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "netns-sim",
    abstract: "A simulated node, end to end, with live traffic.",
    discussion: "Must be run as root. Everything happens in namespaces of its own; nothing of the machine changes.",
    subcommands: [Demo.self, LiveDay.self, LongSoak.self])
}

/// Where the programs are that play a part.
struct ProgramOptions: ParsableArguments {
  @Option(help: "The folder that holds istio-cni and install-cni. Default: the folder of netns-sim.")
  var pluginFolder: String?

  @Option(help: "The folder that holds the reference plugins.")
  var referencePlugins = "/usr/lib/cni"

  func programs() throws -> AgentNode.Programs {
    AgentNode.Programs(
      folder: try pluginFolder.map(absolutePath) ?? executableFolder(), referencePlugins: referencePlugins)
  }
}

/// Lines of cells that stand below each other.
func table(_ lines: [[String]]) -> String {
  let widths = (lines.first ?? []).indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
  return lines.map { line in
    let cells = zip(line.dropLast(), widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
    return (cells + line.suffix(1)).joined(separator: "   ")
  }.joined(separator: "\n")
}
