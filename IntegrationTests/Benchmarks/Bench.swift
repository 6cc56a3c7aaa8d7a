import ArgumentParser
import Harness
import JSON
import Netfilter
import Redirect
import System
import SystemPackage

@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Times the plugin as a whole process beside the programs it does without.",
    discussion: "Must be run as root; works in namespaces of its own.",
    subcommands: [Verbs.self, Connections.self, Repair.self, PeakMemory.self], defaultSubcommand: Verbs.self)
}

/// `bench verbs`: ADD and VERSION beside `nft -f` and `iptables-restore`, in turn, so that a drift of the machine's
/// speed meets all of them alike.
struct Verbs: ParsableCommand {
  @Option(help: "Counted runs of each command.")
  var runs = 40

  @Option(help: "The folder that holds istio-cni.")
  var pluginFolder = ".build/dist"

  struct Contestant: Sendable {
    let name: String
    let isInPod: Bool
    let commands: [Command]
  }

  struct Command: Sendable {
    let words: [String]
    var environment: [String: String] = [:]
    let input: String

    /// The environment for one sandbox.
    func environment(for sandbox: Sandbox) -> [String: String] {
      environment.isEmpty ? [:] : environment.merging(["CNI_NETNS": sandbox.path]) { $1 }
    }
  }

  func run() throws {
    let folder = try absolutePath(pluginFolder)
    let mesh = try MeshNode(pluginFolder: folder)
    mesh.apiServer.put(PodTemplate.pod(.classicSidecar, name: "cart", uid: "7f3c"))
    let contestants = try contestants(mesh, plugin: "\(folder)/istio-cni")

    var walls = Array(repeating: [Duration](), count: contestants.count)
    for round in 0...runs {
      for (index, contestant) in contestants.enumerated() {
        let wall = try inFreshPod(contestant, mesh) { (command, environment) throws(SystemError) in
          try Stopwatch.run(command.words, environment: environment, input: command.input).wall
        }.reduce(.zero, +)
        // The first round warms the caches.
        if round > 0 { walls[index].append(wall) }
      }
    }
    let medians = walls.map { $0.sorted()[$0.count / 2] }
    print(
      """
      \(runs) runs of each in turn, each in a fresh pod; milliseconds as a whole process, percent of the median of \
      'nft -f, replacing'.
      Memory in KiB; what is smaller than the stopwatch's own shows as that.
      """)
    print(row("", "MINIMUM", "MEDIAN", "OF NFT -F", "PEAK MEMORY"))
    for (index, contestant) in contestants.enumerated() {
      let memory = try inFreshPod(contestant, mesh) { (command, environment) throws(SystemError) in
        try peakMemory(of: command, environment)
      }.max()
      print(
        row(
          contestant.name, text(walls[index].min()), text(medians[index]),
          "\(Int((medians[index] / medians[3] * 100).rounded())) %", memory.map { "\($0)" } ?? "?"))
    }
  }

  private func contestants(_ mesh: MeshNode, plugin: String) throws -> [Contestant] {
    let network: JSONObject = [
      "cniVersion": "1.0.0", "name": "mesh", "type": "istio-cni", "cni_agent_run_dir": .string(MeshNode.runDirectory),
      "exclude_namespaces": ["kube-system"],
      "prevResult": [
        "cniVersion": "1.0.0", "interfaces": [["name": "eth0", "sandbox": "/run/netns/pod"]],
        "ips": [["address": "10.88.0.2/16", "interface": 0], ["address": "fd00:88::2/64", "interface": 0]],
      ],
    ]
    try mesh.node.write(JSONValue.object(network).text(), to: "/run/bench/stdin.json")
    try mesh.node.write("{\"cniVersion\":\"1.0.0\"}", to: "/run/bench/version.json")
    let policy = Policy(
      inbound: .all(except: ProxyPorts().health), outbound: .all, excludedOutboundPorts: PortSet(Port(15020)))
    // Once without the lines that make way for the table: a fresh pod has none, but a script cannot know.
    let ruleset = Ruleset(policy, hasIPv6: true)
    let script = ruleset.nftablesText
    try mesh.node.write(script, to: "/run/bench/replace.nft")
    try mesh.node.write(
      script.split(separator: "\n").dropFirst(2).joined(separator: "\n") + "\n", to: "/run/bench/create.nft")
    try mesh.node.write(ruleset.iptablesText(.v4), to: "/run/bench/rules.v4")
    try mesh.node.write(ruleset.iptablesText(.v6), to: "/run/bench/rules.v6")
    let cni = { (command: String, namespace: String, input: String) in
      Command(
        words: [plugin],
        environment: [
          "CNI_COMMAND": command, "CNI_CONTAINERID": "c0ffee", "CNI_IFNAME": "eth0", "CNI_PATH": "/opt/cni/bin",
          "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=\(namespace);K8S_POD_NAME=cart;K8S_POD_UID=7f3c",
        ], input: input)
    }
    return [
      Contestant(
        name: "istio-cni VERSION", isInPod: false, commands: [cni("VERSION", "shop", "/run/bench/version.json")]),
      Contestant(
        name: "istio-cni ADD, excluded namespace", isInPod: false,
        commands: [cni("ADD", "kube-system", "/run/bench/stdin.json")]),
      Contestant(
        name: "istio-cni ADD, meshed pod", isInPod: false, commands: [cni("ADD", "shop", "/run/bench/stdin.json")]),
      Contestant(
        name: "nft -f, replacing", isInPod: true,
        commands: [Command(words: ["/usr/sbin/nft", "-f", "/run/bench/replace.nft"], input: "/dev/null")]),
      Contestant(
        name: "nft -f, for an empty pod only", isInPod: true,
        commands: [Command(words: ["/usr/sbin/nft", "-f", "/run/bench/create.nft"], input: "/dev/null")]),
      Contestant(
        name: "iptables-restore + ip6tables-restore", isInPod: true,
        commands: [
          Command(words: ["/usr/sbin/iptables-restore", "--noflush"], input: "/run/bench/rules.v4"),
          Command(words: ["/usr/sbin/ip6tables-restore", "--noflush"], input: "/run/bench/rules.v6"),
        ]),
    ]
  }

  /// Runs `body` for each command where the contestant runs: on the node, or in the pod with the node's files.
  private func inFreshPod<R: Sendable>(
    _ contestant: Contestant, _ mesh: MeshNode,
    _ body: @escaping @Sendable (Command, [String: String]) throws(SystemError) -> R
  ) throws -> [R] {
    let sandbox = try Sandbox(PodIdentity(namespace: "shop", name: "cart", uid: "7f3c"), number: 1, on: mesh.node)
    let results = try contestant.commands.map { command in
      let environment = command.environment(for: sandbox)
      return contestant.isInPod
        ? try mesh.node.mounts.run(with: sandbox.network) { () throws(SystemError) in try body(command, environment) }
        : try mesh.node.run { () throws(SystemError) in try body(command, environment) }
    }
    try sandbox.remove()
    return results
  }

  /// The kernel counts the parent's memory at the time of `exec` as the child's own, so a parent of a few MiB is
  /// needed: this very program, freshly started.
  @Sendable private func peakMemory(
    of command: Command, _ environment: [String: String]
  ) throws(SystemError) -> Int {
    let outcome = try runChild(
      "/proc/self/exe", arguments: ["peak-memory", "--input", command.input, "--"] + command.words,
      environment: environment, timeLimit: .seconds(30))
    let line = String(decoding: outcome.standardOutput, as: UTF8.self).split(separator: "\n").first ?? ""
    guard let memory = Int(line) else { throw SystemError("measure", command.words[0], .canceled) }
    return memory
  }

  private func row(_ cells: String...) -> String {
    zip(cells, [40, 10, 10, 12, 12]).map { cell, width in
      let padding = String(repeating: " ", count: max(0, width - cell.count))
      return width == 40 ? cell + padding : padding + cell
    }.joined()
  }

  private func text(_ duration: Duration?) -> String {
    guard let duration else { return "?" }
    let microseconds = Int(duration / .microseconds(1))
    let fraction = String(microseconds % 1000)
    return "\(microseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }
}

/// `bench peak-memory`: runs a program once and prints the KiB it took.
struct PeakMemory: ParsableCommand {
  static let configuration = CommandConfiguration(shouldDisplay: false)

  @Option var input: String
  @Argument(parsing: .postTerminator) var command: [String]

  func run() throws {
    print(try Stopwatch.run(command, environment: CurrentProcess.environment, input: input).peakMemory)
  }
}
