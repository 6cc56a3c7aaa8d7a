import ArgumentParser
import Glibc
import Harness
import JSON
import System
import SystemPackage

/// `bench agent`: what a real agent takes of its node, and how pods start that all start at once.
struct AgentCost: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent",
    abstract: "Weighs the agent: memory, idle processor time, requests; and starts many pods at once beside it.",
    discussion: "Exits with 1 if a figure is not as it is to be. Run from the top folder, where the pods are.")

  @Option(help: "How many pods the node's list has. Several: one run each.")
  var pods = [250, 5000]

  @Option(help: "How many pods of these start at once.")
  var burst = 200

  @Option(help: "How long the agent is left alone before memory is looked at, in seconds.")
  var settle = 10

  @Option(help: "How long processor time is taken of an idle agent, in seconds.")
  var idle = 60

  @Option(help: "The folder that holds istio-cni and install-cni.")
  var pluginFolder = ".build/dist"

  @Option(help: "The folder with complete pods, as an API server has them.")
  var podFolder = "fixtures/pods"

  func validate() throws {
    if pods.contains(where: { $0 < burst }) { throw ValidationError("--burst is more than there are pods") }
  }

  func run() throws {
    var misses: [String] = []
    for count in pods { misses += try weigh(count) }
    for miss in misses { print("NOT as it is to be: \(miss)") }
    if !misses.isEmpty { throw ExitCode.failure }
  }

  /// - Returns: What is not as it is to be.
  private func weigh(_ count: Int) throws -> [String] {
    let host = try AgentNode(AgentNode.Programs(folder: try absolutePath(pluginFolder)))
    let templates = try ["classic-sidecar", "native-sidecar", "no-sidecar", "istio-validation"].map { name in
      try JSONValue(parsing: try readFile("\(podFolder)/\(name)/pod.json", limit: 1 << 20))
    }
    // Those that start at once are all in the mesh.
    let known = (0..<count).map { number in
      Self.pod(number, of: templates[number < burst ? number % 2 : number % templates.count])
    }
    let size = known.map { $0.serialized().count }.reduce(0, +)
    var misses: [String] = []
    func claim(_ holds: Bool, _ text: String) {
      print("  \(text)")
      if !holds { misses.append("\(count) pods: \(text)") }
    }

    print("\(count) pods in the node's list, of \(size / count / 1024) KiB each")
    let agent = try host.warmAgent(for: known)
    try pass(seconds: settle)
    let before = try ProcessUsage(of: agent.pid)
    let requestsBefore = host.apiServer.requestCount
    try pass(seconds: idle)
    let usage = try ProcessUsage(of: agent.pid)
    let limit = count <= 250 ? 30 : 60
    claim(
      usage.resident < limit << 10,
      "memory: \(Self.mebibytes(usage.resident)) MiB resident, to be below \(limit); \(Self.mebibytes(usage.peak)) at most"
    )
    let share = (usage.processorTime - before.processorTime) / .seconds(idle) * 100
    claim(share < 0.1, "idle: \(share.fixed(3)) % of a processor over \(idle) s, to be below 0.1")
    print("  \(usage.threadCount) threads, \(usage.descriptorCount) descriptors")
    let requests = host.apiServer.requests
    let watches = requests.count { $0.purpose == "watch pods" }
    claim(watches == 1, "watches of pods: \(watches), to be 1")
    print("  requests till the agent was idle: \(requestsBefore); while it was: \(requests.count - requestsBefore)")
    for (purpose, number) in Dictionary(requests.map { ($0.purpose, 1) }, uniquingKeysWith: +).sorted(by: {
      $0.key < $1.key
    }) {
      print("    \(number) \(purpose)")
    }

    let outcome = try startAtOnce(known.prefix(burst), on: host)
    let asked = host.apiServer.requests[requests.count...].count { $0.purpose == "get pods" }
    claim(outcome.failures.isEmpty, "ADDs at once: \(burst), of which failed \(outcome.failures.count), to be none")
    for failure in outcome.failures.prefix(3) { print("    \(failure)") }
    let walls = outcome.walls
    if !walls.isEmpty {
      print(
        """
            ms: \(text(walls.quantile(0.5))) half of them, \(text(walls.quantile(0.99))) 99 of 100, \
        \(text(walls.quantile(1))) all; the last was done after \(text(outcome.all))
        """)
    }
    claim(asked == 0, "requests for these pods: \(asked), to be none")
    // What is sent without waiting for anybody may get lost.
    let sample = #"istio_cni_plugin_facts_total{source="agent"}"#
    _ = agent.awaitMetric(sample, Double(walls.count), within: .seconds(2))
    print("  records of them that the agent got: \(Int(try agent.metrics()[sample] ?? 0))")
    print("  memory afterwards: \(Self.mebibytes(try ProcessUsage(of: agent.pid).resident)) MiB resident\n")
    try agent.terminate()
    return misses
  }

  /// A pod of this node that differs from all others.
  private static func pod(_ number: Int, of template: JSONValue) -> JSONValue {
    var members = template.object ?? [:]
    var metadata = members["metadata"]?.object ?? [:]
    metadata["namespace"] = "shop"
    metadata["name"] = .string("pod-\(number)")
    metadata["uid"] = .string("uid-\(number)")
    members["metadata"] = .object(metadata)
    return AgentNode.scheduled(.object(members))
  }

  // MARK: Many at once

  private struct Outcome {
    /// Of those that did not fail.
    let walls: [Duration]
    let failures: [String]
    let all: Duration
  }

  /// Starts these pods at once, as kubelet does after a boot: the installed plugin, with our entry of the list.
  private func startAtOnce(_ pods: ArraySlice<JSONValue>, on host: AgentNode) throws -> Outcome {
    let names = pods.map { $0["metadata"]?["name"]?.string ?? "" }
    let list = try host.runtime().list
    var entry = list.plugins.last ?? [:]
    entry["cniVersion"] = .string(list.version)
    entry["name"] = .string(list.name)
    entry["prevResult"] = [
      "cniVersion": .string(list.version), "interfaces": [["name": "eth0", "sandbox": "/run/netns/pod"]],
      "ips": [["address": "10.88.0.2/16", "interface": 0], ["address": "fd00:88::2/64", "interface": 0]],
    ]
    try host.node.write(JSONValue.object(entry).text(), to: "/run/bench/entry.json")
    let sandboxes = try names.enumerated().map { number, name in
      try Sandbox(
        PodIdentity(namespace: "shop", name: name, uid: "uid-\(number)"), number: number + 1, on: host.node)
    }
    let start = ContinuousClock.now
    let results = try inParallel(sandboxes.count, threads: sandboxes.count) { number in
      let sandbox = sandboxes[number]
      let environment = [
        "CNI_COMMAND": "ADD", "CNI_CONTAINERID": sandbox.containerID, "CNI_IFNAME": "eth0",
        "CNI_PATH": AgentNode.binaryFolder, "CNI_NETNS": sandbox.path,
        "CNI_ARGS":
          "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=\(sandbox.pod.name);K8S_POD_UID=\(sandbox.pod.uid)",
      ]
      return Result { () throws(SystemError) in
        try host.node.run { () throws(SystemError) in
          try Stopwatch.run([AgentNode.binary], environment: environment, input: "/run/bench/entry.json").wall
        }
      }
    }
    let all = ContinuousClock.now - start
    for sandbox in sandboxes { try sandbox.remove() }
    var failures: [String] = []
    var walls: [Duration] = []
    for result in results {
      do throws(SystemError) { walls.append(try result.get()) } catch { failures.append("\(error)") }
    }
    return Outcome(walls: walls, failures: failures, all: all)
  }

  // MARK: Parts

  /// What happens by itself is what is measured.
  private func pass(seconds: Int) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline { sleep(1) }
  }

  private static func mebibytes(_ kibibytes: Int) -> String { (Double(kibibytes) / 1024).fixed(1) }
}
