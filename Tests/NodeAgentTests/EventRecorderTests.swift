import Harness
import JSON
import KubernetesClient
import NodeAgent
import Synchronization
import Testing

@Suite("Events", .timeLimit(.minutes(3)))
struct EventRecorderTests {
  /// A clock that a test moves.
  private final class Time: Sendable {
    private let now = Mutex(Duration.seconds(1_714_564_805))
    @Sendable func read() -> Duration { now.withLock { $0 } }
    func advance(by time: Duration) { now.withLock { $0 += time } }
  }

  private func recorder(
    _ scene: ClusterScene, about subject: EventRecorder.Subject = .node(name: "node-a"), _ time: Time = Time()
  ) -> EventRecorder {
    EventRecorder(
      scene.client, about: subject, nodeName: "node-a", logger: scene.log.logger, timeLimit: .seconds(60),
      now: time.read)
  }

  private func events(_ scene: ClusterScene) -> [JSONValue] { scene.server.objects(kind: "Event") }

  @Test("are about the agent's pod, and say who reports what and when")
  func pod() async throws {
    let scene = try ClusterScene()
    let recorder = recorder(scene, about: .pod(namespace: "istio-system", name: "istio-cni-node-x2k", uid: "7f3c"))
    await recorder.record(.warning, reason: "BrokenConfigMap", message: "the settings stay as they are")
    let event = try #require(events(scene).first)
    #expect(
      event["involvedObject"] == [
        "apiVersion": "v1", "kind": "Pod", "namespace": "istio-system", "name": "istio-cni-node-x2k", "uid": "7f3c",
      ])
    #expect(event["metadata"]?["namespace"] == "istio-system")
    #expect(event["metadata"]?["name"]?.string?.hasPrefix("istio-cni-node-x2k.") == true)
    #expect(event["reason"] == "BrokenConfigMap")
    #expect(event["message"] == "the settings stay as they are")
    #expect(event["type"] == "Warning")
    #expect(event["source"] == ["component": "istio-cni-node", "host": "node-a"])
    #expect(event["firstTimestamp"] == "2024-05-01T12:00:05Z")
    #expect(event["lastTimestamp"] == "2024-05-01T12:00:05Z")
    #expect(event["count"] == 1)
  }

  @Test("are about the node where the pod is not known")
  func node() async throws {
    let scene = try ClusterScene()
    await recorder(scene).record(.normal, reason: "Installed", message: "done")
    let event = try #require(events(scene).first)
    #expect(
      event["involvedObject"] == ["apiVersion": "v1", "kind": "Node", "name": "node-a", "uid": "node-a"])
    #expect(event["metadata"]?["namespace"] == "default")
    #expect(event["type"] == "Normal")
  }

  @Test("of one reason are written once in five minutes, and the next one counts the others")
  func rateLimit() async throws {
    let scene = try ClusterScene()
    let time = Time()
    let recorder = recorder(scene, time)
    for _ in 1...4 {
      await recorder.record(.warning, reason: "Contested", message: "again")
      time.advance(by: .seconds(74))
    }
    #expect(events(scene).count == 1)
    await recorder.record(.warning, reason: "Other", message: "something else")
    #expect(events(scene).count == 2)
    time.advance(by: .seconds(4))
    await recorder.record(.warning, reason: "Contested", message: "again")
    #expect(events(scene).compactMap { $0["count"]?.int }.sorted() == [1, 1, 4])
  }

  @Test("of one reason about different objects do not wait for each other")
  func subjects() async throws {
    let scene = try ClusterScene()
    let recorder = recorder(scene)
    for name in ["cart", "till"] {
      await recorder.record(
        .warning, reason: "Repaired", message: "done", about: .pod(namespace: "shop", name: name, uid: nil))
    }
    #expect(events(scene).compactMap { $0["involvedObject"]?["name"]?.string } == ["cart", "till"])
  }

  @Test("about very many pods are left out, but for two a minute, and none about the agent itself is")
  func flood() async throws {
    let scene = try ClusterScene()
    let time = Time()
    let recorder = recorder(scene, time)
    func fail(_ pods: ClosedRange<Int>) async {
      for pod in pods {
        await recorder.record(
          .warning, reason: "FailedRedirect", message: "x", about: .pod(namespace: "a", name: "\(pod)", uid: nil))
      }
    }
    await fail(1...30)
    #expect(events(scene).count == 20)
    #expect(
      scene.log.lines == [
        "warning: too many Events about pods at once: some are left out, and the log alone has them"
      ])
    await recorder.record(.warning, reason: "BrokenConfigMap", message: "x")
    #expect(events(scene).count == 21)
    time.advance(by: .seconds(60))
    await fail(31...40)
    #expect(events(scene).count == 23)
    #expect(scene.log.lines.count == 1)
    // After a time with few of them all are written again, and the next flood is told.
    time.advance(by: .seconds(600))
    await fail(41...70)
    #expect(events(scene).count == 43)
    #expect(scene.log.lines.count == 2)
  }

  @Test("do not wait for a clock that was set back")
  func clockSetBack() async throws {
    let scene = try ClusterScene()
    let time = Time()
    let recorder = recorder(scene, time)
    await recorder.record(.warning, reason: "Contested", message: "again")
    time.advance(by: .seconds(-3600))
    await recorder.record(.warning, reason: "Contested", message: "again")
    #expect(events(scene).count == 2)
  }

  @Test("that cannot be written are logged once, until one can be")
  func unwritable() async throws {
    let scene = try ClusterScene()
    let recorder = recorder(scene)
    scene.server.setBehaviour(.status(403))
    await recorder.record(.warning, reason: "First", message: "x")
    await recorder.record(.warning, reason: "Second", message: "x")
    #expect(scene.log.lines.count == 1)
    #expect(
      scene.log.lines.first?.hasPrefix("warning: Events are not written for now: cannot create event default/node-a.")
        == true)
    scene.server.setBehaviour(.normal)
    await recorder.record(.warning, reason: "Third", message: "x")
    scene.server.setBehaviour(.status(403))
    await recorder.record(.warning, reason: "Fourth", message: "x")
    #expect(scene.log.lines.count == 2)
  }

  @Test("that an earlier attempt wrote are not written twice")
  func lostAnswer() async throws {
    let scene = try ClusterScene()
    scene.server.script([.truncated])
    await recorder(scene).record(.normal, reason: "Installed", message: "done")
    #expect(scene.server.requestCount == 2)
    #expect(events(scene).count == 1)
    #expect(scene.log.lines.isEmpty)
  }

  @Test("are no longer than Kubernetes allows")
  func length() async throws {
    let scene = try ClusterScene()
    await recorder(scene).record(
      .normal, reason: String(repeating: "R", count: 200), message: String(repeating: "ü", count: 1000))
    let event = try #require(events(scene).first)
    #expect(event["reason"]?.string?.utf8.count == 128)
    #expect(event["message"]?.string?.utf8.count == 1024)
  }
}

/// Counts calls.
final class Counter: Sendable {
  private let count = Mutex(0)

  var value: Int { count.withLock { $0 } }

  @Sendable func increment() { count.withLock { $0 += 1 } }
}
