import ArgumentParser
import JSON
import NodeAgent
import System

/// `install-cni audit`: whether the pods of this node are redirected as they should be.
struct Audit: AsyncParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
  }

  static let configuration = CommandConfiguration(
    abstract: "Tell whether the running pods of this node are redirected as they should be.",
    discussion: """
      Compares what is in each pod's network namespace with what its ADD made there, or, for a pod that started without \
      the plugin, with what it would make. Changes nothing, and needs no agent. Without the API server only pods that \
      the plugin has on record are looked at.

      States: ok; missing: no redirect; changed: another than it should be; foreign: beside rules of others; wrong-pod: \
      the namespace on record is another pod's; not-found: no namespace has the pod's addresses; unreadable.

      Exits with 3 if a pod is in any other state than ok.
      """)

  @Option(name: .shortAndLong, help: "How to print it.")
  var output = Format.table

  @OptionGroup(title: "Settings") var node: NodeOptions

  func run() async throws {
    let (_, reading) = try await node.read()
    let audit = try reading.audit(repairs: false, programPath: CurrentProcess.environment["PATH"] ?? "")
    let pods = await reading.settings.readNodePods { printError($0) }
    let findings = try audit.run(pods)
    switch output {
    case .table: print(AuditFinding.table(of: findings), terminator: "")
    case .json: print(JSONValue.array(findings.map(\.json)).text(.indented(2)))
    }
    if findings.contains(where: { $0.state != .ok }) { throw ExitCode(3) }
  }
}
