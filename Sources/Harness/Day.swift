import CNI
package import JSON
import Glibc
import System
import SystemPackage

/// A day in a node's life, from boot to the end of the mesh there, with the real installer, and with live traffic of every
/// living pod before and after each step.
package final class Day {
  /// Where the mesh's plugin stands.
  package enum Mode: String, Sendable, CaseIterable {
    /// In the primary plugin's own list.
    case chained
    /// In a list of the mesh's own that sorts first.
    case owned
  }

  /// A claim about one step, and whether it held.
  package struct Row: Sendable {
    package let mode: Mode
    package let step: String
    package let claim: String
    /// Why it does not hold; nil if it does.
    package let problem: String?
    /// Since the claim before.
    package let duration: Duration

    package var json: JSONValue {
      [
        "mode": .string(mode.rawValue), "step": .string(step), "claim": .string(claim), "ok": .bool(problem == nil),
        "problem": problem.map { .string($0) } ?? nil,
        "milliseconds": .number(JSONNumber(Int(duration / .milliseconds(1)))),
      ]
    }
  }

  let mode: Mode
  let host: AgentNode
  private let report: (Row) -> Void
  private var rows: [Row] = []
  private var step = ""
  private var settled = ContinuousClock.now
  var agent: AgentProcess?
  var pods: [LivingPod] = []
  var sandboxCount = 0
  private var primary = (name: "10-mesh.conflist", text: AgentNode.primaryList())
  private var token = "token-1"

  /// - Parameter report: Is told of each claim when it is settled.
  package init(_ mode: Mode, _ programs: AgentNode.Programs, report: @escaping (Row) -> Void = { _ in }) throws {
    self.mode = mode
    self.report = report
    host = try AgentNode(programs, token: token, configMap: Self.settings(mode))
  }

  private static func settings(_ mode: Mode, excluding more: String = "") -> [String: String] {
    [
      "EXCLUDE_NAMESPACES": "kube-system\(more)", "ISTIO_OWNED_CNI_CONFIG": mode == .owned ? "true" : "false",
      // So long a pod of the mesh waits for an API server that is away.
      "DEADLINE_SECONDS": "4",
    ]
  }

  /// Lives the day.
  ///
  /// - Throws: what keeps it from going on. That something is not as it should be is in the rows.
  package func run() throws -> [Row] {
    try step("boot", boot)
    try step("the primary plugin arrives", primaryArrives)
    try step("pods start", podsStart)
    try step("the primary plugin rewrites its file", primaryRewrites)
    try step("the primary plugin changes to a file that sorts first", primaryMoves)
    try step("the token is rotated", tokenRotates)
    try step("the ConfigMap changes", configMapChanges)
    try step("the API server is away", apiServerIsAway)
    try step("the agent is killed while pods start", agentIsKilled)
    try step("the agent is upgraded", agentUpgrades)
    try step("the node loses power and boots", reboots)
    try step("the DaemonSet is deleted", daemonSetGoes)
    try step("the last pods end", podsEnd)
    return rows
  }

  // MARK: The steps

  private func boot() throws {
    let agent = try host.startAgent()
    self.agent = agent
    claim("the agent waits, and is not ready", agent.awaitReadiness(503), agent.output)
    claim("nothing is written where no network is", try host.configurationNames() == [])
    claim("no pod can start yet") {
      if let pod = try? self.startOnce(.noSidecar, "early") { return "\(pod.name) did" }
      return nil
    }
  }

  private func primaryArrives() throws {
    try writePrimary()
    try awaitHealth()
  }

  private func podsStart() throws {
    for kind in PodTemplate.Kind.allCases { try start(kind, kind.rawValue) }
  }

  private func primaryRewrites() throws {
    primary.text = AgentNode.primaryList(mtu: 1450)
    try writePrimary()
    // The list of our own stays in front whatever the primary plugin does.
    if mode == .owned { try start(.classicSidecar, "during-rewrite", tries: 1) }
    try awaitHealth()
    try start(.classicSidecar, "after-rewrite")
  }

  private func primaryMoves() throws {
    let former = primary.name
    primary.name = "05-mesh.conflist"
    try writePrimary()
    try awaitHealth()
    try host.node.remove("\(AgentNode.configurationFolder)/\(former)")
    try awaitHealth()
    try start(.nativeSidecar, "after-move")
  }

  private func tokenRotates() throws {
    token = "token-2"
    try host.setToken(token)
    var answers: Set<Int> = []
    let isWritten = comesTrue { [self] in
      answers.insert(agent?.readiness ?? 0)
      return try contains(AgentNode.kubeconfig, token)
    }
    for _ in 0..<100 { answers.insert(agent?.readiness ?? 0) }
    claim("the kubeconfig has the new token", isWritten)
    claim("the agent is ready all the time", answers == [200], "readyz said \(answers.sorted())")
    host.apiServer.setToken(token)
    try awaitHealth()
    try start(.classicSidecar, "after-rotation")
  }

  private func configMapChanges() throws {
    try host.configMap.update(Self.settings(mode, excluding: ",batch"))
    let isWritten = comesTrue { [self] in try entry()?["exclude_namespaces"] == ["kube-system", "batch"] }
    claim("the entry excludes the new namespace", isWritten)
    try awaitHealth()
    try start(.classicSidecar, "excluded", namespace: "batch", isMeshed: false)
    try start(.classicSidecar, "not-excluded")
  }

  private func agentUpgrades() throws {
    guard let agent, let plugin = host.programs.plugin else { return }
    let before = try host.files()
    let status = try agent.terminate()
    claim(
      "the old agent ends with 0", status == .exited(0), "\(status.map { "\($0)" } ?? "it goes on"): \(agent.output)")
    claim("it leaves everything where it is", try host.files() == before)
    try start(.classicSidecar, "between-agents", tries: 1)
    // What stands behind the end of an executable changes nothing of what it does.
    let binary = try readFile(plugin, limit: 256 << 20) + Array("another version".utf8)
    try host.putInImage(binary)
    self.agent = try host.startAgent()
    let isReplaced = comesTrue { [self] in try host.node.read(AgentNode.binary) == binary }
    claim("the new plugin is on the node", isReplaced)
    try awaitHealth()
    try start(.nativeSidecar, "after-upgrade")
  }

  private func reboots() throws {
    try agent?.kill(SIGKILL)
    _ = try agent?.wait()
    let lost = pods
    pods = []
    for pod in lost { pod.close() }
    try host.loseMemory(lost.map(\.pod))
    if mode == .owned {
      primary.text = AgentNode.primaryList(mtu: 1400)
      try writePrimary()
    }
    for (index, pod) in lost.enumerated() {
      claim("what is left of \(pod.name) is removed before the agent is back") {
        try self.host.removeLost(pod.pod, with: index.isMultiple(of: 2) ? .current : .cached)
        return nil
      }
    }
    // Kubelet begins with all of them at once, and the agent is only one of many.
    var waiting: [LivingPod] = []
    for pod in lost where !(try restart(pod)) { waiting.append(pod) }
    try survey("pods that are back before the agent")
    agent = try host.startAgent()
    try awaitHealth()
    for pod in waiting {
      claim("\(pod.name) is back") { comesTrue { try self.restart(pod) } ? nil : "it does not start" }
    }
    try start(.classicSidecar, "after-reboot")
  }

  private func daemonSetGoes() throws {
    guard let agent else { return }
    host.removeDaemonSet()
    let status = try agent.terminate()
    claim("the agent ends with 0", status == .exited(0), "\(status.map { "\($0)" } ?? "it goes on"): \(agent.output)")
    claim(
      "the primary plugin's file is as it wrote it",
      try host.configuration(primary.name) == Array(primary.text.utf8))
    claim("no list names the plugin", try entry() == nil)
    claim("the kubeconfig is gone", try host.node.read(AgentNode.kubeconfig) == nil)
    claim("the binary stays for the pods that have it in their list", try host.node.read(AgentNode.binary) != nil)
    try start(.noSidecar, "after-the-mesh")
  }

  private func podsEnd() throws {
    for (index, pod) in pods.enumerated() {
      pod.close()
      let age: CNIRuntime.ConfigurationAge = index.isMultiple(of: 2) ? .cached : .current
      claim("\(pod.name) ends, with the \(age == .cached ? "list of its start" : "list of today")") {
        try self.host.stop(pod.pod, with: age)
        return nil
      }
    }
    pods = []
    let outcome = try host.installer("uninstall")
    claim(
      "install-cni uninstall ends with 0", outcome.status == .exited(0),
      String(decoding: outcome.standardError, as: UTF8.self))
    claim("the binary is gone", try host.node.read(AgentNode.binary) == nil)
    let names = try host.configurationNames()
    claim("nothing of ours is left", names == [primary.name], "\(names)")
  }

  // MARK: Parts of steps

  private func step(_ name: String, _ body: () throws -> Void) throws {
    step = name
    try survey("before")
    try body()
    try survey("after")
  }

  func survey(_ when: String) throws {
    guard !pods.isEmpty else { return }
    let answers = try TrafficSurvey(of: pods).rows()
    let wrong = answers.filter { !$0.isOK }
    claim(
      "\(when): \(answers.count) connections of \(pods.count) pods end where they should", wrong.isEmpty,
      wrong.prefix(3).map { "\($0.pod), \($0.direction), \($0.from) to \($0.to): \($0.seen), not \($0.expected)" }
        .joined(separator: "; ") + (wrong.count > 3 ? " and \(wrong.count - 3) more" : ""))
  }

  func claim(_ text: String, _ holds: Bool, _ problem: @autoclosure () throws -> String = "it is not so") {
    var found: String?
    if !holds {
      do { found = try problem() } catch { found = "\(error)" }
    }
    let now = ContinuousClock.now
    let row = Row(mode: mode, step: step, claim: text, problem: found, duration: now - settled)
    settled = now
    rows.append(row)
    report(row)
  }

  func claim(_ text: String, _ problem: () throws -> String?) {
    var found: String?
    do { found = try problem() } catch { found = "\(error)" }
    claim(text, found == nil, found ?? "")
  }

  private func writePrimary() throws {
    try host.writeConfiguration(primary.name, primary.text)
  }

  /// The plugin stands once, at the end of the list that the runtime uses, the agent is ready, and says so to people.
  func awaitHealth() throws {
    guard let agent else { return }
    let start = ContinuousClock.now
    let expected = Array(primary.text.utf8)
    let isInPlace = comesTrue { [self] in
      let types = try host.runtime().list.plugins.compactMap { $0["type"]?.string }
      // In a list of its own the plugin leaves this one alone.
      let isUntouched = try host.configuration(primary.name) == expected
      return try types == ["bridge", "istio-cni"] && (mode == .chained || isUntouched) && isCurrent()
    }
    let milliseconds = Int((ContinuousClock.now - start) / .milliseconds(1))
    claim(
      "the plugin stands at the end of the list after \(milliseconds) ms", isInPlace,
      try host.node.shell("head -c 4000 \(AgentNode.configurationFolder)/*") + agent.output.suffix(2000))
    claim("the agent is ready", agent.awaitReadiness(), String(agent.output.suffix(2000)))
    let outcome = try host.installer("status")
    claim(
      "install-cni status finds nothing to do", outcome.status == .exited(0),
      String(decoding: outcome.standardOutput + outcome.standardError, as: UTF8.self))
  }

  /// Whether the list in force is made of the primary plugin's file of today.
  private func isCurrent() throws -> Bool {
    let today = try NetworkList(parsing: Array(primary.text.utf8), file: primary.name)
    return try host.runtime().list.plugins.first == today.plugins.first
  }

  private func entry() throws -> JSONObject? {
    try host.runtime().list.plugins.first { $0["type"] == "istio-cni" }
  }

  private func contains(_ path: String, _ text: String) throws -> Bool {
    String(decoding: try host.node.read(path) ?? [], as: UTF8.self).contains(text)
  }

  /// Starts a pod, as often as kubelet would try.
  ///
  /// - Parameters:
  ///   - tries: How often it may take; more than once only where something is not there yet.
  ///   - handsAnnotations: Whether the runtime hands the pod's annotations to plugins.
  ///   - isStored: Whether the API server is told of the pod.
  func start(
    _ kind: PodTemplate.Kind, _ name: String, namespace: String = "shop", isMeshed: Bool? = nil, tries: Int = 3,
    handsAnnotations: Bool = true, isStored: Bool = true
  ) throws {
    let isMeshed = isMeshed ?? kind.isMeshed
    let kinds = isMeshed ? "meshed" : "plain"
    var problem = ""
    for _ in 0..<tries {
      do {
        let start = ContinuousClock.now
        let running = try startOnce(
          kind, name, namespace: namespace, handsAnnotations: handsAnnotations, isStored: isStored)
        let duration = ContinuousClock.now - start
        pods.append(try LivingPod(running, isMeshed: isMeshed))
        return claim(
          "the \(kinds) pod \(name) starts", isMeshed || duration < Self.delayLimit, "it took \(duration)")
      } catch {
        problem = "\(error)"
      }
    }
    claim("the \(kinds) pod \(name) starts", false, problem)
  }

  private func startOnce(
    _ kind: PodTemplate.Kind, _ name: String, namespace: String = "shop", handsAnnotations: Bool = true,
    isStored: Bool = true
  ) throws -> RunningPod {
    sandboxCount += 1
    return try host.start(
      Self.pod(kind, name, namespace: namespace), number: sandboxCount, handsAnnotations: handsAnnotations,
      isStored: isStored)
  }

  /// A pod of this node.
  static func pod(_ kind: PodTemplate.Kind, _ name: String, namespace: String = "shop") -> JSONValue {
    AgentNode.scheduled(
      PodTemplate.pod(
        kind, name: name, namespace: namespace, uid: "uid-\(name)",
        annotations: ["traffic.sidecar.istio.io/excludeOutboundPorts": "5432"]))
  }

  /// How long a pod outside of the mesh may take to start, whatever is missing: the chain takes some 100 ms, and a pod
  /// that waited for the API server would take the plugin's deadline.
  static let delayLimit = Duration.seconds(2)

  /// Gives a pod that was lost a new sandbox, once.
  ///
  /// - Returns: Whether it started.
  private func restart(_ lost: LivingPod) throws -> Bool {
    let identity = lost.pod.sandbox.pod
    let kind: PodTemplate.Kind =
      switch (lost.isMeshed, PodTemplate.Kind(rawValue: identity.name)) {
      case (_, let kind?): kind
      case (true, nil): .classicSidecar
      case (false, nil): identity.namespace == "batch" ? .classicSidecar : .noSidecar
      }
    guard let pod = try? startOnce(kind, identity.name, namespace: identity.namespace) else { return false }
    pods.append(try LivingPod(pod, isMeshed: lost.isMeshed))
    return true
  }
}
