import Glibc
import Harness
import JSON
import System
import Testing

/// When the agent takes everything with it, and when it leaves all as it is.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct LeavingTests {
  @Test("SIGTERM keeps everything while the DaemonSet is there", arguments: ["false", "true"])
  func upgrade(owned: String) async throws {
    try await onOwnThread {
      let host = try RepairTests.host(configMap: ["ISTIO_OWNED_CNI_CONFIG": owned])
      let agent = try host.readyAgent()
      let before = try host.files()
      #expect(try agent.terminate() == .exited(0))
      #expect(try host.files() == before)
    }
  }

  /// Why a node is to be left.
  enum Reason: String, Sendable, CaseIterable {
    case gone = "it is gone"
    case deletedWithItsRights = "it was deleted while the agent watched, and then its rights"
    case beingDeleted = "it is being deleted"
    case elsewhere = "it does not want this node any more"
  }

  @Test(
    "without the DaemonSet the entry and the kubeconfig go, and the binary stays while a pod may need it",
    arguments: Reason.allCases)
  func removal(reason: Reason) async throws {
    try await onOwnThread {
      let host = try RepairTests.host()
      let agent = try host.readyAgent()
      let remembered = "\(AgentNode.cacheFolder)/results/mesh-0123-eth0"
      try host.node.write(#"{"plugins": [{"type": "bridge"}, {"type": "istio-cni"}]}"#, to: remembered, mode: 0o600)
      switch reason {
      case .gone: host.removeDaemonSet()
      case .deletedWithItsRights:
        #expect(eventually(true) { host.apiServer.watchCount > 0 })
        host.removeDaemonSet()
        Duration.milliseconds(300).elapse()
        host.apiServer.setBehaviour(.status(403))
      case .beingDeleted: host.putDaemonSet(isDeleted: true)
      case .elsewhere: host.putNode(labels: ["kubernetes.io/os": "plan9"])
      }
      #expect(try agent.terminate() == .exited(0), "\(agent.output.suffix(2000))")
      #expect(try host.configurations() == ["10-mesh.conflist": Array(AgentNode.primaryList().utf8)])
      #expect(try host.node.read(AgentNode.kubeconfig) == nil)
      #expect(try host.node.read(AgentNode.binary) != nil, "\(agent.output.suffix(2000))")
      try host.node.remove(remembered)
      try host.run("uninstall")
      #expect(try host.node.read(AgentNode.binary) == nil)
      #expect(try host.configurationNames() == ["10-mesh.conflist"])
    }
  }

  @Test("a DaemonSet of which nothing is known keeps everything", arguments: [401, 403, 500, 503])
  func unknown(status: Int) async throws {
    try await onOwnThread {
      let host = try RepairTests.host()
      let agent = try host.readyAgent()
      let before = try host.files()
      host.apiServer.setBehaviour(.status(status))
      host.apiServer.cutWatches()
      #expect(try agent.terminate() == .exited(0), "\(agent.output.suffix(2000))")
      #expect(try host.files() == before)
    }
  }

  @Test("an API server that is not reached keeps everything, and SIGTERM is heard in time")
  func unreachable() async throws {
    try await onOwnThread {
      let host = try RepairTests.host()
      try host.apiServer.stop()
      let agent = try host.readyAgent()
      let before = try host.files()
      #expect(try agent.terminate(within: .seconds(25)) == .exited(0), "\(agent.output.suffix(2000))")
      #expect(try host.files() == before)
    }
  }
}
