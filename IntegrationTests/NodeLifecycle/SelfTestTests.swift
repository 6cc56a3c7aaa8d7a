import CNI
import Glibc
import Harness
import JSON
import NodeAgent
import System
import Testing

/// The agent's test of the plugin that it has installed, on a node with the real one, and what depends on it.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct SelfTestTests {
  private static let note = "\(AgentNode.runDirectory)/self-test-failed"
  private static let taint: JSONValue = ["key": "cni.istio.io/not-ready", "effect": "NoSchedule"]
  private static let otherTaint: JSONValue = ["key": "dedicated", "value": "shop", "effect": "NoExecute"]

  /// A node with a primary plugin and the real plugin in the image.
  private static func host(configMap: [String: String] = [:]) throws -> AgentNode {
    let host = try AgentNode(AgentNode.Programs(folder: try executableFolder()), configMap: configMap)
    try host.writeConfiguration("10-mesh.conflist", AgentNode.primaryList())
    return host
  }

  /// Puts a program into the image that does nothing well.
  private static func breakPlugin(_ host: AgentNode) throws {
    try host.putInImage(try readFile("/bin/true", limit: 16 << 20))
  }

  private static func mendPlugin(_ host: AgentNode) throws {
    try host.putInImage(try readFile("\(try executableFolder())/istio-cni", limit: 256 << 20))
  }

  /// What STATUS of the real plugin says with the entry that is installed, as the error object; null if all is well.
  private static func status(on host: AgentNode) throws -> JSONValue {
    var configuration = try #require(try host.installed().entry)
    configuration["cniVersion"] = "1.1.0"
    configuration["name"] = "mesh"
    let outcome = try host.node.runProgram(
      "\(try executableFolder())/istio-cni", environment: ["CNI_COMMAND": "STATUS"],
      standardInput: JSONValue.object(configuration).serialized())
    return outcome.status == .exited(0) ? .null : try JSONValue(parsing: outcome.standardOutput)
  }

  private static func count(_ agent: AgentProcess, _ result: String) -> Double {
    // An agent that is not to be asked yet has tested nothing.
    (try? agent.metrics()[#"istio_cni_self_tests_total{result="\#(result)"}"#]) ?? 0
  }

  @Test("on a good node it passes at once, and leaves nothing behind")
  func good() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let agent = try host.readyAgent()
      #expect(try agent.get("/readyz?verbose").body.contains("[+]self-test ok\n"))
      let metrics = try agent.metrics()
      #expect(Self.count(agent, "passed") >= 1)
      let sum = metrics["istio_cni_self_test_duration_seconds_sum"] ?? 0
      let count = metrics["istio_cni_self_test_duration_seconds_count"] ?? 0
      #expect(sum / count < 1, "took \(sum / count) s")
      #expect(!metrics.keys.contains { $0.hasPrefix("istio_cni_plugin_requests_total") })
      #expect(!metrics.keys.contains { $0.hasPrefix("istio_cni_pod_questions_total") })
      #expect(host.apiServer.requests("GET", to: "/api/v1/namespaces/istio-cni-self-test").isEmpty)
      #expect(try host.run("history", "--output", "json").contains("self-test") == false)
      #expect(try host.node.shell("find \(AgentNode.runDirectory)/attachments -type f") == "")
      #expect(try host.node.read(Self.note) == nil)
      #expect(agent.output.split(separator: "\n").count { $0.contains("the self-test passed") } == 1)
      #expect(!agent.output.contains("cni-plugin"))
      #expect(try Self.status(on: host) == .null)
    }
  }

  @Test("it tries what is configured: ports, groups, namespaces")
  func configured() async throws {
    try await onOwnThread {
      let host = try Self.host(configMap: [
        "PROXY_OUTBOUND_PORT": "80", "PROXY_INBOUND_PORT": "25006", "OUTBOUND_OWNER_GROUPS": "4711",
        "EXCLUDE_NAMESPACES": "kube-system,istio-cni-self-test", "REDIRECT_BACKEND": "nftables",
        "DNS_CAPTURE": "servers",
      ])
      let agent = try host.readyAgent()
      #expect(Self.count(agent, "passed") >= 1)
      // Another entry is tested anew.
      let before = Self.count(agent, "passed")
      try host.configMap.update(["PROXY_OUTBOUND_PORT": "25001"])
      #expect(eventually(true) { Self.count(agent, "passed") > before }, "\(agent.output.suffix(2000))")
      #expect(agent.readiness == 200)
    }
  }

  @Test("a plugin that does nothing takes readiness away, and STATUS says why until it is mended")
  func broken() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let agent = try host.readyAgent()
      try Self.breakPlugin(host)
      #expect(agent.awaitReadiness(503), "\(agent.output.suffix(2000))")
      let problem = "the installed plugin \(AgentNode.binary) ended well without a result"
      #expect(
        eventually(true) { (try? agent.get("/readyz").body.contains("[-]self-test failed: \(problem)\n")) ?? false })
      let failure = try Self.status(on: host)
      #expect(failure["code"] == 50)
      #expect(failure["msg"] == "cannot redirect pods: the agent's self-test failed")
      #expect(failure["details"]?.string?.hasPrefix(problem) == true)
      #expect(try agent.get("/livez").status == 200)
      #expect(eventually(true) { Self.count(agent, "failed") >= 2 })
      let lines = agent.output.split(separator: "\n").filter { $0.contains("\tcni-agent\t\(problem)") }
      #expect(lines.count == 1, "\(agent.output.suffix(2000))")

      try Self.mendPlugin(host)
      #expect(agent.awaitReadiness(), "\(agent.output.suffix(2000))")
      #expect(try Self.status(on: host) == .null)
    }
  }

  @Test("what it said to the plugin goes with the agent, and nobody waits for it without")
  func withoutAgent() async throws {
    try await onOwnThread {
      let host = try Self.host()
      try Self.breakPlugin(host)
      let agent = try host.startAgent()
      #expect(eventually(true) { (try? host.node.read(Self.note)) ?? nil != nil }, "\(agent.output.suffix(2000))")
      #expect(try agent.terminate() == .exited(0))
      #expect(try host.node.read(Self.note) == nil)
      #expect(try Self.status(on: host) == .null)

      try host.node.write("left by one that was killed\n", to: Self.note)
      let second = try host.startAgent(environment: ["SELF_TEST": "false"])
      #expect(second.awaitReadiness(), "\(second.output.suffix(2000))")
      #expect(try second.get("/readyz?verbose").body.contains("self-test") == false)
      #expect(try host.node.read(Self.note) == nil)
    }
  }

  @Test("programs that are on the node alone are not missed in the agent's container")
  func noPrograms() async throws {
    try await onOwnThread {
      let host = try Self.host(configMap: ["REDIRECT_BACKEND": "iptables"])
      // The agent looks where programs usually are, whatever its PATH.
      try host.node.run { () throws(SystemError) in try mountTemporaryFileSystem(at: "/usr/sbin") }
      let agent = try host.readyAgent(["PATH": "/nowhere"])
      let text = try agent.get("/readyz?verbose").body
      #expect(
        text.contains("[+]self-test ok: the back end iptables cannot be tried, since its programs are on the node"))
      #expect(Self.count(agent, "untested") == 1)
      #expect(try host.node.read(Self.note) == nil)
    }
  }

  @Test("the back end iptables passes where its programs are", .requires(.iptables))
  func iptables() async throws {
    try await onOwnThread {
      let host = try Self.host(configMap: ["REDIRECT_BACKEND": "iptables"])
      let agent = try host.readyAgent()
      #expect(Self.count(agent, "passed") >= 1)
    }
  }

  @Test("an agent without the right to make namespaces says so, and STATUS does not hear of it")
  func unprivileged() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let agent = try AgentProcess(
        "/usr/bin/setpriv", ["--inh-caps=-sys_admin", "--bounding-set=-sys_admin", host.programs.installer],
        environment: host.environment, logPath: AgentNode.logPath, on: host.node)
      let problem = "cannot make network namespaces for the self-test: unshare(CLONE_NEWNET) = EPERM (1)"
      let isTold = eventually(true, within: .seconds(30)) {
        (try? agent.get("/readyz").body.contains("[-]self-test failed: \(problem)")) ?? false
      }
      #expect(isTold, "\(agent.output.suffix(2000))")
      #expect(agent.output.contains("give the agent's container the capabilities SYS_ADMIN and NET_ADMIN"))
      #expect(try host.node.read(Self.note) == nil)
      #expect(try Self.status(on: host) == .null)
      #expect(try agent.terminate() == .exited(0))
    }
  }

  @Test("the API server is not needed for it")
  func outage() async throws {
    try await onOwnThread {
      let host = try Self.host()
      host.apiServer.setBehaviour(.status(503))
      let agent = try host.readyAgent()
      #expect(Self.count(agent, "passed") >= 1)
    }
  }

  @Test("of two agents one knows that it has not the last word, and the plugin does not hear of that")
  func twoAgents() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let first = try host.readyAgent()
      let second = try AgentProcess(
        host.programs.installer,
        environment: host.environment.merging(["HEALTH_PORT": "8001", "MONITORING_PORT": "15015"]) { $1 },
        logPath: "/run/second.log", on: host.node)
      #expect(
        eventually(200) { (try? second.get("/readyz", port: 8001).status) ?? 0 } == 200, "\(second.output.suffix(2000))"
      )
      try host.configMap.update(["PROXY_OUTBOUND_PORT": "25001"])
      let socket = "\(AgentNode.runDirectory)/pods.sock"
      let problem = "another agent answers at \(socket), which does not know the self-test's pod"
      let isTold = eventually(true) { (try? first.get("/readyz").body.contains(problem)) ?? false }
      #expect(isTold, "\(first.output.suffix(2000))")
      #expect(try host.node.read(Self.note) == nil)
      #expect(try second.terminate() == .exited(0))
      #expect(first.awaitReadiness(), "\(first.output.suffix(2000))")
    }
  }

  // MARK: What waits for it

  @Test("the taint goes when it has passed, and not before")
  func taint() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let labels: JSONObject = ["kubernetes.io/os": "linux"]
      host.putNode(labels: labels, taints: [Self.otherTaint, Self.taint])
      let taints = { host.apiServer.object(kind: "Node", namespace: nil, name: AgentNode.nodeName)?["spec"]?["taints"] }
      try Self.breakPlugin(host)
      let agent = try host.startAgent(environment: ["UNTAINT_NODE": "true"])
      #expect(eventually(true) { Self.count(agent, "failed") >= 1 }, "\(agent.output.suffix(2000))")
      #expect(taints() == [Self.otherTaint, Self.taint])
      #expect(host.apiServer.requests("PATCH", to: "/api/v1/nodes").isEmpty)
      try Self.mendPlugin(host)
      #expect(agent.awaitReadiness(), "\(agent.output.suffix(2000))")
      #expect(eventually(true) { taints() == [Self.otherTaint] }, "\(agent.output.suffix(2000))")
      #expect(eventually(true) { host.apiServer.objects(kind: "Event").contains { $0["reason"] == "TaintRemoved" } })
      #expect(agent.output.contains("removed the taint cni.istio.io/not-ready from node node-1"))
    }
  }

  @Test("without the setting the taint is somebody else's")
  func noTaint() async throws {
    try await onOwnThread {
      let host = try Self.host()
      host.putNode(labels: ["kubernetes.io/os": "linux"], taints: [Self.taint])
      let agent = try host.readyAgent()
      #expect(try agent.terminate() == .exited(0))
      #expect(host.apiServer.requests("PATCH", to: "/api/v1/nodes").isEmpty)
    }
  }

  // MARK: Another plugin beside it

  @Test("lines of Istio's plugin come into the agent's log")
  func logSocket() async throws {
    try await onOwnThread {
      let host = try AgentNode.withoutPods()
      try host.writeConfiguration("10-mesh.conflist", AgentNode.primaryList())
      let agent = try host.readyAgent()
      let line = #"{"level":"info","time":"2024-05-01T12:00:05Z","msg":"istio-cni cmdAdd","pod":"shop/cart"}"#
      let body = JSONValue.array([.string(line)]).text()
      let request =
        "POST /log HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      let path = "\(AgentNode.runDirectory)/log.sock"
      #expect(eventually(true) { (try? host.mode(of: path)) ?? 0 == 0o600 })
      let answer = try host.node.run { () throws(SystemError) in
        try askLocalService(at: path, Array(request.utf8), limit: 1 << 16, deadline: .now + .seconds(10))
      }
      #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 200 OK"))
      let text = "2024-05-01T12:00:05.000000Z\tinfo\tcni-plugin\tistio-cni cmdAdd\tpod=shop/cart"
      #expect(eventually(true) { agent.output.contains(text) }, "\(agent.output.suffix(2000))")
    }
  }
}
