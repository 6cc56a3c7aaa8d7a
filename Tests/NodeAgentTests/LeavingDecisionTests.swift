import Harness
import JSON
import KubernetesClient
import NodeAgent
import TestKit
import Testing

@Suite("The decision whether the plugin leaves with the agent", .timeLimit(.minutes(3)))
struct LeavingDecisionTests {
  private static let name = "daemonset istio-system/istio-cni-node"

  /// - Parameter limit: short where an answer never comes.
  private func decide(
    _ scene: ClusterScene, node: String? = "node-a", watch: DaemonSetWatch? = nil, within limit: Duration = .seconds(50)
  ) async -> LeavingDecision.Verdict {
    let watch = watch ?? DaemonSetWatch(scene.client, daemonSet: ClusterScene.daemonSet, logger: scene.log.logger)
    let decision = LeavingDecision(scene.client, daemonSet: ClusterScene.daemonSet, nodeName: node, watch: watch)
    return await decision.decide(within: limit)
  }

  // MARK: Stays

  @Test("keeps it while the DaemonSet wants this node")
  func upgrade() async throws {
    let scene = try ClusterScene()
    scene.putDaemonSet(["nodeSelector": ["kubernetes.io/os": "linux"]])
    scene.putNode()
    let verdict = await decide(scene)
    #expect(!verdict.removes)
    #expect(
      verdict.reason
        == "keeping the plugin on this node: \(Self.name) still wants it, so this is an upgrade or a reboot")
  }

  @Test("keeps it when the name of the node is not known")
  func noNodeName() async throws {
    let scene = try ClusterScene()
    scene.putDaemonSet()
    let verdict = await decide(scene, node: nil)
    #expect(!verdict.removes)
    #expect(
      verdict.reason == """
        keeping the plugin on this node: \(Self.name) is there, and the name of this node is not known; set \
        KUBERNETES_NODE_NAME
        """)
  }

  @Test("keeps it when the node object is missing")
  func noNode() async throws {
    let scene = try ClusterScene()
    scene.putDaemonSet()
    let verdict = await decide(scene)
    #expect(!verdict.removes)
    #expect(
      verdict.reason.hasPrefix(
        "keeping the plugin on this node: \(Self.name) is there, and whether it wants this node is not known; cannot read "
          + "node node-a from the API server: "))
  }

  @Test("keeps it when the DaemonSet cannot be read")
  func unreadableDaemonSet() async throws {
    let scene = try ClusterScene()
    scene.putDaemonSet(["tolerations": [["operator": "Odd"]]])
    scene.putNode()
    let verdict = await decide(scene)
    #expect(!verdict.removes)
    #expect(
      verdict.reason == """
        keeping the plugin on this node: whether \(Self.name) wants it cannot be told: a toleration has the unknown \
        operator "Odd"
        """)
  }

  @Test(
    "keeps it whatever is wrong with the API server",
    arguments: [
      .status(401), .status(403), .status(429), .status(500), .status(503, retryAfter: 60), .html(status: 404),
      .html200,
      .reset, .truncated, .slow(.seconds(30)), .redirect(to: "/"),
    ] as [FakeAPIServer.Behaviour])
  func trouble(_ behaviour: FakeAPIServer.Behaviour) async throws {
    let scene = try ClusterScene()
    scene.server.setBehaviour(behaviour)
    let verdict = await decide(scene, within: .milliseconds(500))
    #expect(!verdict.removes)
    #expect(
      verdict.reason.hasPrefix("keeping the plugin on this node: whether it is still wanted is not known; cannot "))
    #expect(!verdict.reason.contains(ClusterScene.token))
  }

  @Test(
    "keeps it whatever is wrong when the node is asked for",
    arguments: [
      .status(401), .status(403), .status(404), .status(503), .html(status: 404), .reset, .slow(.seconds(30)),
    ]
      as [FakeAPIServer.Behaviour])
  func troubleWithNode(_ behaviour: FakeAPIServer.Behaviour) async throws {
    let scene = try ClusterScene()
    scene.putDaemonSet(["nodeSelector": ["mesh": "on"]])
    scene.putNode()
    scene.server.script([.normal] + Array(repeating: behaviour, count: 100))
    #expect(!(await decide(scene, within: .seconds(1))).removes)
  }

  @Test("keeps it when nobody can be reached")
  func nobody() async throws {
    let scene = try ClusterScene()
    try scene.server.stop()
    #expect(!(await decide(scene, within: .seconds(1))).removes)
  }

  // MARK: Leaves

  @Test("removes it when the DaemonSet is gone")
  func gone() async throws {
    let verdict = await decide(try ClusterScene())
    #expect(verdict.removes)
    #expect(verdict.reason == "removing the plugin from this node: \(Self.name) is gone")
  }

  @Test("removes it when the DaemonSet is being deleted")
  func beingDeleted() async throws {
    let scene = try ClusterScene()
    scene.putDaemonSet(isBeingDeleted: true)
    let verdict = await decide(scene)
    #expect(verdict.removes)
    #expect(verdict.reason == "removing the plugin from this node: \(Self.name) is being deleted")
  }

  @Test("removes it when the DaemonSet does not want this node any more")
  func unwanted() async throws {
    let scene = try ClusterScene()
    scene.putDaemonSet(["nodeSelector": ["mesh": "on"]])
    scene.putNode()
    let verdict = await decide(scene)
    #expect(verdict.removes)
    #expect(verdict.reason == "removing the plugin from this node: \(Self.name) selects nodes with mesh=on")
  }

  // MARK: With what was seen

  @Test("removes it when the DaemonSet was seen to go, and the agent's rights with it", arguments: [401, 403])
  func seenGoing(_ status: Int) async throws {
    let scene = try ClusterScene()
    scene.putDaemonSet()
    let watch = DaemonSetWatch(scene.client, daemonSet: ClusterScene.daemonSet, logger: scene.log.logger)
    try await running(watch.run) {
      try await eventually { scene.server.watchCount == 1 && watch.sighting == .present }
      scene.server.setBehaviour(.status(status))
      scene.removeDaemonSet()
      try await eventually { watch.sighting == .gone }
    }
    let verdict = await decide(scene, watch: watch)
    #expect(verdict.removes)
    #expect(verdict.reason == "removing the plugin from this node: \(Self.name) was deleted while the agent watched it")
    #expect(
      scene.log.lines == [
        "info: \(Self.name) was deleted; the plugin is removed when this agent is asked to stop"
      ])
  }

  @Test("removes it when the DaemonSet was seen in its deletion")
  func seenBeingDeleted() async throws {
    let scene = try ClusterScene()
    scene.putDaemonSet()
    let watch = DaemonSetWatch(scene.client, daemonSet: ClusterScene.daemonSet, logger: scene.log.logger)
    try await running(watch.run) {
      try await eventually { scene.server.watchCount == 1 }
      scene.server.setBehaviour(.status(403))
      scene.putDaemonSet(isBeingDeleted: true)
      try await eventually { watch.sighting == .beingDeleted }
    }
    let verdict = await decide(scene, watch: watch)
    #expect(verdict.removes)
    #expect(
      verdict.reason == "removing the plugin from this node: \(Self.name) was being deleted when it was last seen")
  }

  @Test("keeps it when the DaemonSet was deleted and made again")
  func recreated() async throws {
    let scene = try ClusterScene()
    scene.putDaemonSet()
    let changes = Counter()
    let watch = DaemonSetWatch(
      scene.client, daemonSet: ClusterScene.daemonSet, logger: scene.log.logger, onChange: changes.increment)
    try await running(watch.run) {
      try await eventually { scene.server.watchCount == 1 }
      scene.removeDaemonSet()
      scene.putDaemonSet()
      try await eventually { changes.value == 3 }
      scene.server.setBehaviour(.status(503))
      #expect(!(await decide(scene, watch: watch, within: .milliseconds(500))).removes)
    }
  }

  @Test("says at once when there is no DaemonSet by which it could be kept")
  func neverThere() async throws {
    let scene = try ClusterScene()
    let watch = DaemonSetWatch(scene.client, daemonSet: ClusterScene.daemonSet, logger: scene.log.logger)
    try await running(watch.run) {
      try await eventually { watch.sighting == .gone }
    }
    #expect(
      scene.log.lines == [
        """
        warning: there is no \(Self.name), so the plugin is removed when this agent is asked to stop; if the agent belongs \
        to another DaemonSet, set DAEMONSET_NAME and POD_NAMESPACE
        """
      ])
  }

  @Test("says once when the DaemonSet cannot be watched, and again after it could be")
  func unwatchable() async throws {
    let scene = try ClusterScene()
    scene.putDaemonSet()
    scene.server.setBehaviour(.status(403))
    let watch = DaemonSetWatch(scene.client, daemonSet: ClusterScene.daemonSet, logger: scene.log.logger)
    try await running(watch.run) {
      try await eventually { scene.server.requestCount >= 3 }
      #expect(watch.sighting == .nothing)
      scene.server.setBehaviour(.normal)
      try await eventually { watch.sighting == .present }
    }
    #expect(scene.log.lines.count == 1)
    #expect(
      scene.log.lines.first?.hasPrefix(
        "warning: the agent's DaemonSet is not watched for now: cannot list daemonsets of istio-system with "
          + "metadata.name=istio-cni-node: ") == true)
  }
}
