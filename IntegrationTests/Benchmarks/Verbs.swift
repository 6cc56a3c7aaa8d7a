import ArgumentParser
import CNI
import Harness
import JSON
import Netfilter
import Netlink
import Redirect
import System
import SystemPackage

/// `bench verbs`: ADD and VERSION beside the floor, `nft -f` and `iptables-restore`, in turn, so that a drift of the
/// machine's speed meets all of them alike.
struct Verbs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Times the plugin's verbs beside other programs that apply the same rules.")

  @Option(help: "Counted runs of each command.")
  var runs = 40

  @Option(help: "The folder that holds istio-cni and install-cni.")
  var pluginFolder = ".build/dist"

  @Option(help: "The program that floor.c makes.")
  var floor = ".build/dist/floor"

  func run() throws {
    let folder = try absolutePath(pluginFolder)
    let host = try AgentNode(AgentNode.Programs(folder: folder))
    let agent = try host.warmAgent(for: [Self.pod])
    let contestants = try Contestant.all(on: host, plugin: "\(folder)/istio-cni", floor: try absolutePath(floor))

    // Removed at the end: the kernel holds the lock that addresses need for some milliseconds while a namespace goes.
    var sandboxes: [Sandbox] = []
    var walls = Array(repeating: [Duration](), count: contestants.count)
    for round in 0...runs {
      for (index, contestant) in contestants.enumerated() {
        let wall = try inFreshPod(contestant, host, &sandboxes) { (command, environment, words) throws(SystemError) in
          try Stopwatch.run(words, environment: environment, input: command.input).wall
        }.reduce(.zero, +)
        // The first round warms the caches.
        if round > 0 { walls[index].append(wall) }
      }
    }
    let medians = walls.map { $0.quantile(0.5) }
    let median = { (role: Contestant.Role) in
      contestants.firstIndex { $0.role == role }.map { medians[$0] } ?? .zero
    }
    let (floor, nft) = (median(.floor), median(.nft))
    print(
      """
      \(runs) runs of each in turn, each in a fresh pod; milliseconds as a whole process, and the median as a multiple of \
      the floor's and of that of 'nft -f, replacing'. The floor is a C program that enters the namespace and sends the \
      same messages, prepared.
      Memory in KiB; what is smaller than the stopwatch's own shows as that.
      """)
    let widths = [42, 10, 10, 10, 10, 14]
    print(row(["", "MINIMUM", "MEDIAN", "FLOORS", "NFT -FS", "PEAK MEMORY"], widths: widths))
    for (index, contestant) in contestants.enumerated() {
      let memory = try inFreshPod(contestant, host, &sandboxes) { (command, environment, words) throws(SystemError) in
        try peakMemory(of: words, command.input, environment)
      }.max()
      let cells = [
        contestant.name, text(walls[index].quantile(0)), text(medians[index]),
        (medians[index] / floor).fixed(2), (medians[index] / nft).fixed(2),
        memory.map { "\($0)" } ?? "?",
      ]
      print(row(cells, widths: widths))
    }
    let warm = median(.warm)
    print(
      """

      ADD with a warm agent: \((warm / floor).fixed(2)) times the floor (to be 3 at most), \
      \((warm / nft).fixed(2)) of nft -f (to be below 0.5).
      """)
    try agent.terminate()
    for sandbox in sandboxes { try sandbox.remove() }
  }

  /// The pod that is added again and again.
  static let pod = AgentNode.scheduled(PodTemplate.pod(.classicSidecar, name: "cart", uid: "7f3c"))

  /// What a runtime makes for the pod.
  static func sandbox(number: Int, on host: AgentNode) throws -> Sandbox {
    try Sandbox(PodIdentity(namespace: "shop", name: "cart", uid: "7f3c"), number: number, on: host.node)
  }

  /// Runs `body` for each command where the contestant runs: on the node, or in the pod with the node's files.
  private func inFreshPod<R: Sendable>(
    _ contestant: Contestant, _ host: AgentNode, _ sandboxes: inout [Sandbox],
    _ body: @escaping @Sendable (Contestant.Command, [String: String], [String]) throws(SystemError) -> R
  ) throws -> [R] {
    let sandbox = try Self.sandbox(number: sandboxes.count + 1, on: host)
    sandboxes.append(sandbox)
    return try contestant.commands.map { command in
      let (environment, words) = (command.environment(for: sandbox), command.words(for: sandbox))
      return contestant.isInPod
        ? try host.node.mounts.run(with: sandbox.network) { () throws(SystemError) in
          try body(command, environment, words)
        }
        : try host.node.run { () throws(SystemError) in try body(command, environment, words) }
    }
  }

  /// The kernel counts the parent's memory at the time of `exec` as the child's own, so a parent of a few MiB is
  /// needed: this very program, freshly started.
  @Sendable private func peakMemory(
    of words: [String], _ input: String, _ environment: [String: String]
  ) throws(SystemError) -> Int {
    let outcome = try runChild(
      "/proc/self/exe", arguments: ["peak-memory", "--input", input, "--"] + words,
      environment: environment, timeLimit: .seconds(30))
    let line = String(decoding: outcome.standardOutput, as: UTF8.self).split(separator: "\n").first ?? ""
    guard let memory = Int(line) else { throw SystemError("measure", words[0], .canceled) }
    return memory
  }
}

/// One way to do something, or to do nothing.
struct Contestant: Sendable {
  enum Role {
    case floor
    case warm
    case nft
    case other
  }

  var role = Role.other
  let name: String
  /// Whether it is started in the pod's namespace, for it does not enter one itself.
  var isInPod = false
  let commands: [Command]

  struct Command: Sendable {
    /// Stands for the path of the pod's namespace.
    static let namespace = "NAMESPACE"

    let words: [String]
    var environment: [String: String] = [:]
    var input = "/dev/null"

    /// The environment for one sandbox.
    func environment(for sandbox: Sandbox) -> [String: String] {
      environment.isEmpty ? [:] : environment.merging(["CNI_NETNS": sandbox.path]) { $1 }
    }

    /// The words for one sandbox.
    func words(for sandbox: Sandbox) -> [String] { words.map { $0 == Self.namespace ? sandbox.path : $0 } }
  }

  /// The plugin beside all others. Writes everybody's files to the node.
  static func all(on host: AgentNode, plugin: String, floor: String) throws -> [Contestant] {
    let node = host.node
    // Once without the lines that make way for the table: a fresh pod has none, but a script cannot know.
    let script = ruleset.nftablesText
    try node.write(script, to: "/run/bench/replace.nft")
    try node.write(
      script.split(separator: "\n").dropFirst(2).joined(separator: "\n") + "\n", to: "/run/bench/create.nft")
    try node.write(ruleset.iptablesText(.v4), to: "/run/bench/rules.v4")
    try node.write(ruleset.iptablesText(.v6), to: "/run/bench/rules.v6")
    var batch: [UInt8] = []
    for (number, message) in NftablesBatch.creating(ruleset).enumerated() {
      message.encode(into: &batch, sequence: UInt32(number + 1))
    }
    try node.write(batch, to: "/run/bench/batch")

    let restore = { (program: String, rules: String) in
      Command(words: ["/usr/sbin/\(program)", "--noflush"], input: "/run/bench/\(rules)")
    }
    let floor = Contestant(
      role: .floor, name: "the floor", commands: [Command(words: [floor, Command.namespace, "/run/bench/batch"])])
    return try [floor] + plugins(on: host, plugin) + [
      Contestant(
        role: .nft, name: "nft -f, replacing", isInPod: true,
        commands: [Command(words: ["/usr/sbin/nft", "-f", "/run/bench/replace.nft"])]),
      Contestant(
        name: "nft -f, for an empty pod only", isInPod: true,
        commands: [Command(words: ["/usr/sbin/nft", "-f", "/run/bench/create.nft"])]),
      Contestant(
        name: "iptables-restore + ip6tables-restore", isInPod: true,
        commands: [restore("iptables-restore", "rules.v4"), restore("ip6tables-restore", "rules.v6")]),
    ]
  }

  /// The plugin's own. Writes its files to the node.
  static func plugins(on host: AgentNode, _ plugin: String) throws -> [Contestant] {
    let node = host.node
    let alone = "/run/bench/alone"
    try node.write(
      try node.read(AgentNode.kubeconfig) ?? [], to: "\(alone)/\(RunDirectory.kubeconfigName)", mode: 0o600)
    try node.write(input(runDirectory: AgentNode.runDirectory), to: "/run/bench/stdin.json")
    try node.write(input(runDirectory: alone), to: "/run/bench/alone.json")
    try node.write("{\"cniVersion\":\"1.0.0\"}", to: "/run/bench/version.json")
    let cni = { (command: String, namespace: String, input: String) in
      Command(
        words: [plugin],
        environment: [
          "CNI_COMMAND": command, "CNI_CONTAINERID": "c0ffee", "CNI_IFNAME": "eth0", "CNI_PATH": "/opt/cni/bin",
          "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=\(namespace);K8S_POD_NAME=cart;K8S_POD_UID=7f3c",
        ], input: "/run/bench/\(input).json")
    }
    return [
      Contestant(name: "istio-cni VERSION", commands: [cni("VERSION", "shop", "version")]),
      Contestant(name: "istio-cni ADD, excluded namespace", commands: [cni("ADD", "kube-system", "stdin")]),
      Contestant(role: .warm, name: "istio-cni ADD, warm agent", commands: [cni("ADD", "shop", "stdin")]),
      Contestant(name: "istio-cni ADD, no agent, API server", commands: [cni("ADD", "shop", "alone")]),
    ]
  }

  /// What the plugin makes of the pod.
  private static let ruleset = Ruleset(
    Policy(inbound: .all(except: ProxyPorts().health), outbound: .all, excludedOutboundPorts: PortSet(Port(15020))),
    hasIPv6: true)

  private static func input(runDirectory: String) -> String {
    let network: JSONObject = [
      "cniVersion": "1.0.0", "name": "mesh", "type": "istio-cni", "cni_agent_run_dir": .string(runDirectory),
      "exclude_namespaces": ["kube-system"],
      "prevResult": [
        "cniVersion": "1.0.0", "interfaces": [["name": "eth0", "sandbox": "/run/netns/pod"]],
        "ips": [["address": "10.88.0.2/16", "interface": 0], ["address": "fd00:88::2/64", "interface": 0]],
      ],
    ]
    return JSONValue.object(network).text()
  }
}

extension AgentNode {
  /// Starts an agent on a node that has a network, and waits until it knows these pods.
  func warmAgent(for pods: [JSONValue]) throws -> AgentProcess {
    try writeConfiguration("10-mesh.conflist", Self.primaryList())
    for pod in pods { apiServer.put(pod) }
    let agent = try startAgent()
    guard agent.awaitReadiness(), agent.awaitKnownPods(pods.count) else {
      throw SystemError("start", String(agent.output.suffix(2000)), .timedOut)
    }
    return agent
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
