import Harness
import JSON
import KubernetesClient
import NodeAgent
import TestKit
import Testing

@Suite("The ConfigMap through the API", .timeLimit(.minutes(3)))
struct ConfigMapWatchTests {
  private static let name = "configmap istio-system/istio-cni-config"

  private typealias Received = Recording<[String: String]>

  private func watch(_ scene: ClusterScene, _ received: Received) -> ConfigMapWatch {
    ConfigMapWatch(scene.client, configMap: ClusterScene.configMap, logger: scene.log.logger) { received.append($0) }
  }

  @Test("is handed on at first and at each change of its data")
  func changes() async throws {
    let scene = try ClusterScene()
    let received = Received()
    scene.putConfigMap(["LOG_LEVEL": "info"])
    try await running(watch(scene, received).run) {
      try await eventually { received.all.count == 1 }
      scene.putConfigMap(["LOG_LEVEL": "info"])
      scene.putConfigMap(["LOG_LEVEL": "debug", "EXCLUDE_NAMESPACES": "kube-system"])
      try await eventually { received.all.count == 2 }
    }
    #expect(
      received.all == [["LOG_LEVEL": "info"], ["LOG_LEVEL": "debug", "EXCLUDE_NAMESPACES": "kube-system"]])
  }

  @Test("stays in force when it is gone, and counts again when it is back")
  func gone() async throws {
    let scene = try ClusterScene()
    let received = Received()
    scene.putConfigMap(["LOG_LEVEL": "info"])
    try await running(watch(scene, received).run) {
      try await eventually { received.all.count == 1 }
      scene.server.remove(kind: "ConfigMap", namespace: "istio-system", name: "istio-cni-config")
      try await eventually { !scene.log.lines.isEmpty }
      #expect(received.all.count == 1)
      scene.putConfigMap(["LOG_LEVEL": "debug"])
      try await eventually { received.all.count == 2 }
    }
    #expect(scene.log.lines == ["warning: there is no \(Self.name); the settings stay as they are"])
    #expect(received.all.last == ["LOG_LEVEL": "debug"])
  }

  @Test("is none of ours where it holds anything but strings")
  func oddData() async throws {
    let scene = try ClusterScene()
    scene.putConfigMap(["LOG_LEVEL": "info", "NUMBER": 1])
    let received = Received()
    #expect(try await watch(scene, received).read() == ["LOG_LEVEL": "info"])
    scene.server.put(object: [
      "apiVersion": "v1", "kind": "ConfigMap",
      "metadata": ["namespace": "istio-system", "name": "istio-cni-config"],
    ])
    #expect(try await watch(scene, received).read() == [:])
  }

  @Test("can be read once before it is watched")
  func read() async throws {
    let scene = try ClusterScene()
    let received = Received()
    #expect(try await watch(scene, received).read() == nil)
    scene.server.setBehaviour(.status(403))
    let error = await #expect(throws: APIError.self) { try await watch(scene, received).read() }
    #expect(error?.code == .forbidden)
    #expect(received.all.isEmpty)
  }

  @Test("is not handed on again after an outage in which it did not change, which is logged once")
  func outage() async throws {
    let scene = try ClusterScene()
    let received = Received()
    scene.putConfigMap(["LOG_LEVEL": "info"])
    try await running(watch(scene, received).run) {
      try await eventually { scene.server.watchCount == 1 }
      scene.server.setBehaviour(.status(503))
      scene.server.cutWatches()
      try await eventually { scene.watchRequestCount >= 4 }
      scene.server.expireHistory()
      scene.server.setBehaviour(.normal)
      try await eventually { scene.server.watchCount == 1 }
      scene.putConfigMap(["LOG_LEVEL": "debug"])
      try await eventually { received.all.count == 2 }
    }
    #expect(received.all == [["LOG_LEVEL": "info"], ["LOG_LEVEL": "debug"]])
    #expect(scene.log.lines.count == 1)
    #expect(
      scene.log.lines.first?.hasPrefix("warning: the settings are not watched for now: cannot watch configmaps of ")
        == true)
  }
}
