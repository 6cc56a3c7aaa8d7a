import Glibc
import Harness
import JSON
import System
import Testing

/// What happens to an installed node, as a line of shell in the configuration folder.
struct Disturbance: Sendable, CustomTestStringConvertible {
  let name: String
  let line: String
  /// Whether there is nothing to install into, until `remedy` has run.
  var remedy: String?
  /// How long the repair may take.
  var limit = Duration.seconds(2)

  var testDescription: String { name }

  static let entry = #"{"type": "istio-cni"}"#

  private static func list(_ plugins: String...) -> String {
    #"{"cniVersion": "1.0.0", "name": "mesh", "plugins": [\#(plugins.joined(separator: ", "))]}"#
  }

  static let bridge = #"{"type": "bridge", "bridge": "cni9"}"#
  static let tuning = #"{"type": "tuning"}"#

  /// The file of the primary plugin is 10-mesh.conflist.
  static let all = [
    Disturbance(name: "a new file that sorts first", line: "echo '\(list(bridge))' >05-first.conflist"),
    Disturbance(
      name: "a new file that sorts first, moved in", line: "echo '\(list(bridge))' >/run/x; mv /run/x 05-first.conflist"
    ),
    Disturbance(name: "the primary plugin writes its file", line: "echo '\(list(bridge))' >10-mesh.conflist"),
    Disturbance(
      name: "the primary plugin moves a new file over its own",
      line: "echo '\(list(bridge, tuning))' >/run/x; mv /run/x 10-mesh.conflist"),
    Disturbance(
      name: "the primary plugin changes its settings and leaves our entry",
      line: "sed -i 's/\"mtu\": 1500/\"mtu\": 1400/' 10-mesh.conflist"),
    Disturbance(
      name: "the file is moved out", line: "mv 10-mesh.conflist /run/moved", remedy: "mv /run/moved 10-mesh.conflist"),
    Disturbance(
      name: "the file is deleted", line: "rm 10-mesh.conflist",
      remedy: "echo '\(list(bridge))' >10-mesh.conflist"),
    Disturbance(
      // It might be about to be written for a second; then what it held before counts.
      name: "the file is cut short", line: "echo '{' >10-mesh.conflist", limit: .seconds(4)),
    Disturbance(
      name: "the folder is deleted", line: "mv \(AgentNode.configurationFolder) /run/gone; rm -rf /run/gone",
      remedy: """
        mkdir -p \(AgentNode.configurationFolder); cd \(AgentNode.configurationFolder); \
        echo '\(list(bridge))' >10-mesh.conflist
        """),
    Disturbance(
      name: "an edit inside our entry", line: #"sed -i 's/"kube-system"/"shop"/' 10-mesh.conflist"#),
    Disturbance(
      name: "our entry stands before another one", line: "echo '\(list(entry, bridge))' >10-mesh.conflist"),
    Disturbance(
      name: "our entry stands there twice", line: "echo '\(list(bridge, entry, entry))' >10-mesh.conflist"),
    Disturbance(name: "the kubeconfig is deleted", line: "rm \(AgentNode.kubeconfig)"),
    Disturbance(name: "the kubeconfig is written to", line: "echo x >\(AgentNode.kubeconfig)"),
    Disturbance(name: "the mode of the kubeconfig is changed", line: "chmod 0666 \(AgentNode.kubeconfig)"),
    Disturbance(
      name: "the run folder is deleted and comes back",
      line: "mv \(AgentNode.runDirectory) /run/gone; mkdir -p \(AgentNode.runDirectory); rm -rf /run/gone"),
    Disturbance(name: "the binary is deleted", line: "rm \(AgentNode.binary)"),
    Disturbance(name: "the binary is written to", line: "echo x >\(AgentNode.binary)"),
    Disturbance(
      name: "the binary is moved out and another in",
      line: "mv \(AgentNode.binary) /run/x; cp /bin/true \(AgentNode.binary)"),
    Disturbance(
      name: "what the installer keeps for itself is deleted", line: "mv .istio-cni /run/gone; rm -rf /run/gone"),
  ]
}

/// A live agent puts right what others do to its node.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct RepairTests {
  static func host(configMap: [String: String] = ["EXCLUDE_NAMESPACES": "kube-system"]) throws -> AgentNode {
    let host = try AgentNode.withoutPods(configMap: configMap)
    try host.writeConfiguration("10-mesh.conflist", AgentNode.primaryList())
    return host
  }

  /// Lets something happen on the node.
  static func apply(_ line: String, to host: AgentNode) throws {
    try host.node.shell("cd \(AgentNode.configurationFolder) 2>/dev/null || true; \(line)")
  }

  @Test("all is as it was within 2 s, and the agent ready", arguments: Disturbance.all)
  func repairs(disturbance: Disturbance) async throws {
    try await onOwnThread {
      let host = try Self.host()
      let agent = try host.readyAgent()
      let before = try host.installed()
      try #require(before.entryCount == 1 && before.isLast)
      try Self.apply(disturbance.line, to: host)
      if let remedy = disturbance.remedy {
        #expect(agent.awaitReadiness(503, within: .seconds(5)), "\(agent.output.suffix(3000))")
        try Self.apply(remedy, to: host)
      }
      let duration = host.awaitState(before, within: disturbance.limit)
      #expect(duration != nil, "\(host.stateText), not \(before): \(agent.output.suffix(3000))")
      #expect(agent.awaitReadiness(within: .seconds(2)))
      try agent.kill(SIGKILL)
      _ = try agent.wait()
      try host.run("uninstall")
      #expect(try host.configurations().values.allSatisfy { !$0.isEmpty && !$0.contains("istio-cni") })
    }
  }

  @Test("a node where nothing happens is left alone: no file is written again")
  func quiet() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let agent = try host.readyAgent()
      let stamps = { try host.node.shell("find /run/host /run/istio-cni -type f -exec stat -c '%n %i %Z' {} + | sort") }
      let before = try stamps()
      for _ in 0..<3 {
        // What makes the agent look again, and finds nothing to do.
        try Self.apply("echo x >README; rm README", to: host)
        Duration.milliseconds(200).elapse()
      }
      #expect(try stamps() == before)
      #expect(agent.readiness == 200)
    }
  }

  @Test("a changed ConfigMap is applied at once, and a broken one keeps the last good settings")
  func configMap() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let agent = try host.readyAgent()
      var expected = try host.installed()
      expected.entry?["exclude_namespaces"] = ["kube-system", "batch"]
      try host.configMap.update(["EXCLUDE_NAMESPACES": "kube-system,batch"])
      #expect(host.awaitState(expected) != nil, "\(host.stateText): \(agent.output.suffix(2000))")

      try host.configMap.update(["EXCLUDE_NAMESPACES": "none", "CHAINED_CNI_PLUGIN": "perhaps"])
      let isTold = eventually(true) { agent.output.contains("CHAINED_CNI_PLUGIN") }
      #expect(isTold, "\(agent.output.suffix(2000))")
      #expect(try host.installed() == expected)

      expected.entry?["exclude_namespaces"] = ["shop"]
      try host.configMap.update(["EXCLUDE_NAMESPACES": "shop"])
      #expect(host.awaitState(expected) != nil, "\(host.stateText): \(agent.output.suffix(2000))")
      #expect(agent.awaitReadiness())
    }
  }

  @Test("a ConfigMap that is watched through the API is applied as well")
  func configMapThroughAPI() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let put = { (namespaces: String) in
        host.apiServer.put(object: [
          "apiVersion": "v1", "kind": "ConfigMap",
          "metadata": ["namespace": .string(AgentNode.podNamespace), "name": "istio-cni-config"],
          "data": ["EXCLUDE_NAMESPACES": .string(namespaces)],
        ])
      }
      put("early")
      let agent = try host.readyAgent(["CONFIG_SOURCE": "api"])
      var expected = try host.installed()
      #expect(expected.entry?["exclude_namespaces"] == ["early"])
      expected.entry?["exclude_namespaces"] = ["late"]
      put("late")
      #expect(host.awaitState(expected) != nil, "\(host.stateText): \(agent.output.suffix(2000))")
      #expect(agent.awaitReadiness())
    }
  }

  @Test("a rotated token is in the kubeconfig at once, and the agent stays ready")
  func token() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let agent = try host.readyAgent()
      for number in 2...4 {
        let token = serviceAccountToken(expiry: timeSinceEpoch() + .seconds(3600 * number))
        try host.setToken(token)
        var answers: Set<Int?> = []
        let deadline = ContinuousClock.now + .seconds(2)
        var seen: Duration?
        let start = ContinuousClock.now
        while ContinuousClock.now < deadline, seen == nil {
          answers.insert(agent.readiness)
          if String(decoding: try host.node.read(AgentNode.kubeconfig) ?? [], as: UTF8.self).contains(token) {
            seen = .now - start
          }
        }
        for _ in 0..<50 { answers.insert(agent.readiness) }
        #expect(seen != nil, "\(agent.output.suffix(2000))")
        #expect(answers == [200], "\(agent.output.suffix(2000))")
      }
      #expect(!agent.output.contains("eyJ"))
    }
  }

  @Test("a token that is about to expire keeps the agent from being ready, and /readyz?verbose says so")
  func expiring() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let token = serviceAccountToken(expiry: timeSinceEpoch() + .seconds(30))
      host.apiServer.setToken(token)
      try host.setToken(token)
      let agent = try host.startAgent()
      let text = eventually(true) { (try? agent.get("/readyz?verbose").body.contains("expires in")) ?? false }
      #expect(text, "\(agent.output.suffix(2000))")
      #expect(agent.readiness == 503)
      #expect(try eventually(1) { try host.installed().entryCount } == 1)
    }
  }
}

extension [UInt8] {
  func contains(_ text: String) -> Bool { String(decoding: self, as: UTF8.self).contains(text) }
}
