import ArgumentParser
import NodeAgent
import System

/// Where the program starts.
@main
enum Main {
  static func main() async {
    await InstallCNI.main(NodeOptions.spellingOut(Array(CommandLine.arguments.dropFirst())))
  }
}

/// `install-cni`: without a command, the agent.
struct InstallCNI: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install-cni",
    abstract: "Put the istio-cni plugin on this node, and keep it there.",
    discussion: """
      Without a command this is the agent: it installs the plugin, repairs what others change, and ends when it is \
      told to. It then leaves the node as it is, unless its DaemonSet is gone or does not want this node any more.

      Each setting is a flag, a key of the mounted ConfigMap, or an environment variable; the first of these counts.
      """,
    version: ProgramVersion.text,
    subcommands: [
      Install.self, Uninstall.self, Status.self, History.self, Audit.self, Render.self, TracePacket.self,
      Completion.self,
    ])

  @OptionGroup var plan: PlanOption
  @OptionGroup(title: "Settings") var node: NodeOptions

  func run() async throws {
    if plan.dryRun { return try await node.printPlan() }
    try await Agent(flags: node.flags, environment: CurrentProcess.environment).run()
  }
}

/// `--dry-run`.
struct PlanOption: ParsableArguments {
  @Flag(help: "Print what would be done, and do nothing.")
  var dryRun = false
}
