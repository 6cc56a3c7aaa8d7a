import ArgumentParser

@main
struct InstallCNI: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install-cni",
    abstract: "The node's side of the istio-cni plugin, and the operator's command line.",
    discussion: "Installing on a node is not part of this version yet; the commands below are.",
    subcommands: [Render.self, TracePacket.self])
}
