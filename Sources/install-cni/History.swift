import ArgumentParser
import JSON
import NodeAgent

/// `install-cni history`: what the plugin did on this node lately.
struct History: AsyncParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
  }

  static let configuration = CommandConfiguration(
    abstract: "Tell what the plugin did on this node lately.",
    discussion: "What the agent heard of: it need not run now, but it had to when the plugin did.")

  @Option(name: .shortAndLong, help: "How to print it.")
  var output = Format.table

  @Option(help: ArgumentHelp("How many invocations to print, the last ones.", valueName: "count"))
  var last = 50

  @OptionGroup(title: "Settings") var node: NodeOptions

  func run() async throws {
    let layout = try await node.read().reading.settings.layout
    let records = Array(try PluginHistory(layout.shared).records().suffix(max(0, last)))
    switch output {
    case .table: print(PluginHistory.text(of: records), terminator: "")
    case .json: print(JSONValue.array(records).text(.indented(2)))
    }
  }
}
