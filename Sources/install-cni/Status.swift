import ArgumentParser
import JSON
import NodeAgent

/// `install-cni status`: what is on this node, and what would change.
struct Status: AsyncParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
  }

  static let configuration = CommandConfiguration(
    abstract: "Tell what is installed where, and whether it is as set.",
    discussion: "Exits with 3 if something would change, or keeps the node from being as set.")

  @Option(name: .shortAndLong, help: "How to print it.")
  var output = Format.table

  @OptionGroup(title: "Settings") var node: NodeOptions

  func run() async throws {
    let status = try await node.status()
    switch output {
    case .table: print(status.text, terminator: "")
    case .json: print(status.json.text(.indented(2)))
    }
    if !status.isAsWanted { throw ExitCode(3) }
  }
}
