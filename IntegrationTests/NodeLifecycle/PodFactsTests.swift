import CNI
import Glibc
import Harness
import JSON
import System
import Testing

/// What the agent tells the plugin of the node's pods, and the plugin the agent of what it did.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct PodFactsTests {
  @Test("with a warm agent a pod of the mesh starts without a request, and during an outage; the history tells why")
  func warm() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let agent = try host.readyAgent()
      let pod = Self.pod("cart", uid: "7f3c")
      host.apiServer.put(pod)
      #expect(try eventually(1.0) { try agent.metrics()["istio_cni_cached_pods"] ?? 0 } == 1)
      let before = host.apiServer.requestCount
      host.apiServer.setBehaviour(.status(503))
      let running = try host.start(pod, number: 1)
      #expect(try running.sandbox.network.nft("list", "ruleset").contains("table inet istio-cni"))
      #expect(host.apiServer.requests[before...].allSatisfy { !$0.path.contains("/pods/") })

      #expect(try eventually(1.0) { try agent.metrics()[#"istio_cni_plugin_facts_total{source="agent"}"#] ?? 0 } == 1)
      let history = try JSONValue(parsing: Array(host.run("history", "--output", "json").utf8)).array ?? []
      #expect(history.contains { $0["pod"] == "shop/cart" && $0["facts"] == "agent" && $0["decision"] == "redirect" })
    }
  }

  @Test("a pod that the agent does not know yet is asked for once, by the agent")
  func cold() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let agent = try host.readyAgent()
      // Nobody says on which node it is, so that the agent's watch does not show it.
      let running = try host.start(PodTemplate.pod(.classicSidecar, name: "till", uid: "8a1b"), number: 1)
      #expect(try running.sandbox.network.nft("list", "ruleset").contains("table inet istio-cni"))
      #expect(host.apiServer.requests("GET", to: "/api/v1/namespaces/shop/pods/till").count == 1)
      #expect(try eventually(1.0) { try agent.metrics()[#"istio_cni_pod_questions_total{source="api"}"#] ?? 0 } == 1)
    }
  }

  @Test("without an agent the plugin asks the API server itself")
  func absent() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let agent = try host.readyAgent()
      try agent.kill(SIGKILL)
      _ = try agent.wait()
      let running = try host.start(Self.pod("cart", uid: "7f3c"), number: 1)
      #expect(try running.sandbox.network.nft("list", "ruleset").contains("table inet istio-cni"))
      #expect(host.apiServer.requests("GET", to: "/api/v1/namespaces/shop/pods/cart").count == 1)
    }
  }

  @Test("an agent that does not answer leaves the plugin time to ask the API server itself")
  func stuck() async throws {
    try await onOwnThread {
      let host = try Self.host(configMap: ["DEADLINE_SECONDS": "2"])
      let agent = try host.readyAgent()
      try agent.kill(SIGSTOP)
      defer { #expect(throws: Never.self) { try agent.kill(SIGCONT) } }
      let running = try host.start(Self.pod("cart", uid: "7f3c"), number: 1)
      #expect(try running.sandbox.network.nft("list", "ruleset").contains("table inet istio-cni"))
    }
  }

  /// A node with a primary plugin and the real plugin in the image.
  private static func host(configMap: [String: String] = [:]) throws -> AgentNode {
    let host = try AgentNode(AgentNode.Programs(folder: try executableFolder()), configMap: configMap)
    try host.writeConfiguration("10-mesh.conflist", AgentNode.primaryList())
    return host
  }

  /// A pod of this node.
  private static func pod(_ name: String, uid: String) -> JSONValue {
    AgentNode.scheduled(PodTemplate.pod(.classicSidecar, name: name, uid: uid))
  }
}
