import Harness
import JSON
import Kubernetes
import KubernetesClient
import Synchronization
import System
import TestKit
import Testing

@testable import NodeAgent

@Suite("The repair of pods by deletion and label", .timeLimit(.minutes(5)))
struct PodRepairTests {
  private static let path = "/api/v1/namespaces/shop/pods/cart"
  private static let label = PodRepairSettings.Mode.label(key: "cni.istio.io/uninitialized", value: "true")

  /// The pods of a node at the API server and in the agent's cache, and the service.
  private final class Scene: Sendable {
    let cluster: ClusterScene
    let cache = PodCache()
    let metrics = Metrics()
    let told = Recording<String>()
    let isInstalled = Flag()
    /// What it was told when it asked whether the plugin is installed.
    let answers = Recording<Bool>()
    let repair: PodRepair
    private let current: Current

    init(_ mode: PodRepairSettings.Mode?, isInstalled: Bool = true) throws {
      let cluster = try ClusterScene()
      self.cluster = cluster
      if isInstalled { self.isInstalled.raise() }
      var pace = PodRepair.Pace()
      pace.retry = .milliseconds(5)
      pace.retryLimit = .milliseconds(20)
      pace.callLimit = .seconds(30)
      pace.patience = .milliseconds(5)
      let installed = self.isInstalled
      let told = told
      let answers = answers
      let current = Current(mode)
      self.current = current
      repair = PodRepair(
        cluster.client, cache, settings: { PodRepairSettings(mode: current.mode) },
        isInstalled: {
          answers.append(installed.isRaised)
          return installed.isRaised
        },
        metrics: RepairMetrics(in: metrics), logger: cluster.log.logger,
        pace: pace, announce: { told.append("\($0.reason) \($1): \($0.message); \($0.remedy ?? "")") })
    }

    func setMode(_ mode: PodRepairSettings.Mode?) {
      current.set(mode)
      repair.poke()
    }

    /// Stores a pod at the API server, and tells the cache of it.
    func put(_ pod: JSONValue) {
      cluster.server.put(pod)
      synchronize()
    }

    /// What the agent's watch of the node's pods does.
    func synchronize() {
      cache.replace(with: cluster.server.objects(kind: "Pod").map(PodEntry.init))
    }

    func count(_ type: String, _ result: String) -> Int {
      let name = "istio_cni_repair_pods_repaired_total{type=\"\(type)\",result=\"\(result)\"} "
      let line = metrics.text.split(separator: "\n").first { $0.hasPrefix(name) }
      return line.flatMap { Int($0.dropFirst(name.count)) } ?? 0
    }

    var deletions: [FakeAPIServer.Request] { cluster.server.requests("DELETE", to: PodRepairTests.path) }
    var patches: [FakeAPIServer.Request] { cluster.server.requests("PATCH", to: PodRepairTests.path) }
  }

  /// The mode that is set now.
  private final class Current: Sendable {
    private let value: Mutex<PodRepairSettings.Mode?>
    init(_ mode: PodRepairSettings.Mode?) { value = Mutex(mode) }
    var mode: PodRepairSettings.Mode? { value.withLock { $0 } }
    func set(_ mode: PodRepairSettings.Mode?) { value.withLock { $0 = mode } }
  }

  private static func pod(
    name: String = "cart", uid: String = "7f3c", annotations: JSONObject = [:], labels: JSONObject = [:],
    isBroken: Bool = true
  ) -> JSONValue {
    guard case .object(let pod) = PodTemplate.pod(.classicSidecar, name: name, uid: uid, annotations: annotations)
    else { return .null }
    let ended: JSONValue = ["terminated": ["exitCode": isBroken ? 126 : 0]]
    return .object(
      pod.patched(with: [
        "metadata": ["labels": .object(labels)],
        "status": [
          "phase": "Pending",
          "initContainerStatuses": [["name": "istio-validation", "state": ["waiting": [:]], "lastState": ended]],
        ],
      ]))
  }

  @Test("deletes a broken pod in the state that was seen, says so, and leaves the others alone")
  func deletion() async throws {
    let scene = try Scene(.delete)
    scene.cluster.server.put(Self.pod(name: "well", uid: "1", isBroken: false))
    scene.put(Self.pod())
    let version = scene.cluster.server.object(kind: "Pod", namespace: "shop", name: "cart")?["metadata"]?[
      "resourceVersion"]
    try await running(scene.repair.run) { try await eventually { scene.count("delete", "success") == 1 } }
    #expect(scene.cluster.server.objects(kind: "Pod").compactMap { $0["metadata"]?["name"]?.string } == ["well"])
    let options = try JSONValue(parsing: try #require(scene.deletions.first).body)
    #expect(options["preconditions"] == ["uid": "7f3c", "resourceVersion": try #require(version)])
    #expect(
      scene.told.all == [
        """
        DeleteBrokenPod pod(namespace: "shop", name: "cart", uid: Optional("7f3c")): the pod started before the plugin \
        could redirect its traffic: init container istio-validation exited with 126; it is deleted, so that its \
        controller makes it anew
        """
      ])
    #expect(scene.cluster.log.lines.count == 1)
  }

  @Test("labels a broken pod by way of its status, once, and says so")
  func labelling() async throws {
    let scene = try Scene(Self.label)
    scene.put(Self.pod())
    try await running(scene.repair.run) {
      try await eventually { scene.count("label", "success") == 1 }
      // The pod goes on crashing, with the label.
      for _ in 1...3 {
        scene.synchronize()
        scene.put(Self.pod(labels: ["cni.istio.io/uninitialized": "true"]))
      }
      // Another pod shows that all of this has been seen.
      scene.put(Self.pod(name: "cart-2", uid: "2"))
      try await eventually { scene.count("label", "success") == 2 }
    }
    #expect(scene.patches.count == 2)
    #expect(scene.patches.first?.path == "\(Self.path)/status")
    let pod = scene.cluster.server.object(kind: "Pod", namespace: "shop", name: "cart-2")
    #expect(pod?["metadata"]?["labels"] == ["cni.istio.io/uninitialized": "true"])
    #expect(
      scene.told.all.first == """
        LabelBrokenPod pod(namespace: "shop", name: "cart", uid: Optional("7f3c")): the pod started before the plugin \
        could redirect its traffic: init container istio-validation exited with 126; it has the label \
        cni.istio.io/uninitialized=true now; delete it, so that its controller makes it anew
        """)
  }

  @Test("leaves a pod alone that has the label, whatever its value")
  func labelled() async throws {
    let scene = try Scene(Self.label)
    scene.put(Self.pod(labels: ["cni.istio.io/uninitialized": "seen"]))
    try await running(scene.repair.run) { try await eventually { scene.count("label", "skip") == 1 } }
    #expect(scene.cluster.server.requestCount == 0)
    #expect(scene.told.all.isEmpty)
  }

  @Test("treats a pod that was made again under the same name like any other")
  func namesake() async throws {
    let scene = try Scene(.delete)
    scene.put(Self.pod())
    try await running(scene.repair.run) {
      try await eventually { scene.count("delete", "success") == 1 }
      scene.put(Self.pod(uid: "8a4d"))
      try await eventually { scene.count("delete", "success") == 2 }
    }
    #expect(scene.cluster.server.objects(kind: "Pod").isEmpty)
  }

  @Test("spares a namesake, and a state of the pod, that it has not seen yet", arguments: [.delete, label])
  func stale(mode: PodRepairSettings.Mode) async throws {
    let scene = try Scene(mode)
    scene.put(Self.pod())
    scene.cluster.server.put(Self.pod(uid: "8a4d", isBroken: false))
    let word = mode == .delete ? "delete" : "label"
    try await running(scene.repair.run) { try await eventually { scene.count(word, "skip") == 1 } }
    let pod = scene.cluster.server.object(kind: "Pod", namespace: "shop", name: "cart")
    #expect(pod?["metadata"]?["uid"] == "8a4d")
    #expect(pod?["metadata"]?["labels"] == [:])
    #expect(scene.cluster.log.lines.isEmpty)
  }

  @Test("tries five times what fails, says it once, and tries again when the pod has changed")
  func failing() async throws {
    let scene = try Scene(.delete)
    scene.cluster.server.setBehaviour(.status(403))
    scene.put(Self.pod())
    try await running(scene.repair.run) {
      try await eventually { scene.count("delete", "fail") == 5 }
      scene.repair.poke()
      scene.cluster.server.setBehaviour(.normal)
      scene.put(Self.pod(labels: ["changed": "yes"]))
      try await eventually { scene.count("delete", "success") == 1 }
    }
    #expect(scene.count("delete", "fail") == 5)
    #expect(scene.deletions.count == 6)
    let warnings = scene.cluster.log.lines.filter { $0.contains("stays as it is") }
    #expect(warnings.count == 1)
    #expect(
      warnings.first?.hasPrefix(
        "warning: a pod without its redirect stays as it is for now: cannot delete pod shop/cart: ") == true)
    #expect(warnings.first?.contains("RBAC must allow the verb delete on it") == true)
  }

  @Test("waits until a pod that starts now would get its redirect")
  func notInstalled() async throws {
    let scene = try Scene(.delete, isInstalled: false)
    scene.put(Self.pod())
    try await running(scene.repair.run) {
      try await eventually { scene.answers.all.count > 2 }
      #expect(scene.cluster.server.requestCount == 0)
      scene.isInstalled.raise()
      try await eventually { scene.count("delete", "success") == 1 }
    }
  }

  @Test("does nothing while pods are mended in place, and begins when that is set otherwise")
  func inPlace() async throws {
    let scene = try Scene(nil)
    scene.put(Self.pod())
    try await running(scene.repair.run) {
      scene.synchronize()
      #expect(scene.cluster.server.requestCount == 0)
      scene.setMode(Self.label)
      try await eventually { scene.count("label", "success") == 1 }
      scene.synchronize()
      scene.setMode(.delete)
      try await eventually { scene.count("delete", "success") == 1 }
    }
  }

  @Test("does not delete what the API server only mirrors")
  func mirror() async throws {
    let scene = try Scene(.delete)
    scene.put(Self.pod(annotations: ["kubernetes.io/config.mirror": "5f"]))
    try await running(scene.repair.run) { try await eventually { scene.count("delete", "skip") == 1 } }
    #expect(scene.cluster.server.requestCount == 0)
  }
}
