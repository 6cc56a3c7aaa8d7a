import Harness
import JSON
import NodeAgent
import TestKit
import Testing

@Suite("The node's taint", .timeLimit(.minutes(5)))
struct UntaintingTests {
  private static let other: JSONValue = ["key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"]
  private static func ours(_ effect: String) -> JSONValue {
    ["key": "cni.istio.io/not-ready", "effect": .string(effect)]
  }

  private static func putNode(_ scene: ClusterScene, taints: [JSONValue]) {
    scene.server.put(object: [
      "apiVersion": "v1", "kind": "Node", "metadata": ["name": "node-a", "labels": [:]],
      "spec": ["podCIDR": "10.0.0.0/24", "taints": .array(taints)],
    ])
  }

  private static func untainting(_ scene: ClusterScene) -> Untainting {
    let events = EventRecorder(
      scene.client, about: .pod(namespace: "istio-system", name: "istio-cni-node-x2k", uid: nil), nodeName: "node-a",
      logger: scene.log.logger)
    return Untainting(scene.client, nodeName: "node-a", events: events, logger: scene.log.logger)
  }

  private static func node(_ scene: ClusterScene) -> JSONValue? {
    scene.server.object(kind: "Node", namespace: nil, name: "node-a")
  }

  @Test("goes with all its effects once a self-test has passed, not before, and nothing else does")
  func removed() async throws {
    let scene = try ClusterScene()
    Self.putNode(scene, taints: [Self.ours("NoSchedule"), Self.other, Self.ours("NoExecute")])
    let untainting = Self.untainting(scene)
    try await running(untainting.run) {
      #expect(scene.server.requestCount == 0)
      untainting.notePass()
      try await eventually { scene.server.objects(kind: "Event").count == 1 }
      #expect(Self.node(scene)?["spec"] == ["podCIDR": "10.0.0.0/24", "taints": [Self.other]])
      let event = scene.server.objects(kind: "Event").first
      #expect(event?["reason"] == "TaintRemoved")
      #expect(event?["involvedObject"]?["kind"] == "Node")
      #expect(event?["involvedObject"]?["name"] == "node-a")
      let text =
        "removed the taint cni.istio.io/not-ready from node node-a: the self-test of the plugin has passed"
      #expect(event?["message"]?.string == text)
      #expect(scene.log.lines == ["info: \(text)"])
      // Once an agent's life.
      Self.putNode(scene, taints: [Self.ours("NoSchedule")])
      untainting.notePass()
    }
    #expect(scene.server.requests("PATCH", to: "/api/v1/nodes/node-a").count == 1)
  }

  @Test("a node without it is not changed")
  func untouched() async throws {
    let scene = try ClusterScene()
    Self.putNode(scene, taints: [Self.other])
    let untainting = Self.untainting(scene)
    try await running(untainting.run) {
      untainting.notePass()
      try await eventually { scene.server.requestCount == 1 }
    }
    #expect(scene.server.requests("PATCH", to: "/").isEmpty)
    #expect(scene.log.lines.isEmpty)
  }

  @Test("a node that somebody else changes at the same time is read again")
  func conflict() async throws {
    let scene = try ClusterScene()
    Self.putNode(scene, taints: [Self.ours("NoSchedule")])
    scene.server.script([.normal, .status(409)])
    let untainting = Self.untainting(scene)
    try await running(untainting.run) {
      untainting.notePass()
      try await eventually { Self.node(scene)?["spec"]?["taints"] == [] }
    }
    #expect(scene.server.requests("GET", to: "/api/v1/nodes/node-a").count == 2)
    let patches = scene.server.requests("PATCH", to: "/api/v1/nodes/node-a")
    #expect(patches.count == 2)
    for patch in patches {
      #expect(try JSONValue(parsing: patch.body)["metadata"]?["resourceVersion"]?.string?.isEmpty == false)
    }
  }

  @Test("what may not be read is said once, and tried again")
  func forbidden() async throws {
    let scene = try ClusterScene()
    Self.putNode(scene, taints: [Self.ours("NoSchedule")])
    scene.server.script([.status(403)])
    let untainting = Self.untainting(scene)
    try await running(untainting.run) {
      untainting.notePass()
      try await eventually { Self.node(scene)?["spec"]?["taints"] == [] }
    }
    #expect(
      scene.log.lines.first?.hasPrefix("warning: the taint cni.istio.io/not-ready stays on node node-a for now: ")
        == true, "\(scene.log.lines)")
  }
}
