import Harness
import JSON
import KubernetesClient
import MeshPod
import Netfilter
import NodeAgent
import Testing

@Suite("Events of repairs", .timeLimit(.minutes(3)))
struct RepairEventTests {
  private static let pod = PodName(namespace: "shop", name: "cart", uid: "7f3c")

  private static func event(_ finding: AuditFinding) async throws -> JSONValue? {
    let scene = try ClusterScene()
    let recorder = EventRecorder(
      scene.client, about: .node(name: "node-a"), nodeName: "node-a", logger: scene.log.logger,
      timeLimit: .seconds(60))
    await recorder.record(finding)
    return scene.server.objects(kind: "Event").first
  }

  @Test("a pod that was repaired has an Event that says what was wrong")
  func repaired() async throws {
    let event = try await Self.event(AuditFinding(Self.pod, .missing, repair: .success))
    #expect(event?["type"] == "Normal")
    #expect(event?["reason"] == "RepairedPod")
    #expect(event?["involvedObject"]?["name"] == "cart")
    #expect(event?["involvedObject"]?["uid"] == "7f3c")
    #expect(
      event?["message"]
        == "the redirect of the pod's traffic to its proxy was missing, and was put in place while the pod runs")
    let changed = try await Self.event(
      AuditFinding(Self.pod, .changed, differences: [Difference(.missing, "chain a")], repair: .success))
    #expect(
      changed?["message"]
        == "the redirect of the pod's traffic to its proxy was changed by others, and was put right (missing: chain a)")
    let misplaced = try await Self.event(AuditFinding(Self.pod, .wrongPod, reason: "why", repair: .success))
    #expect(
      misplaced?["message"]
        == "the pod's redirect was looked for in another pod's network namespace; that was put right (why)")
  }

  @Test("a repair that failed says why, and what to do")
  func failed() async throws {
    let event = try await Self.event(
      AuditFinding(
        Self.pod, .missing, differences: [Difference(.missing, "table inet istio-cni")],
        repair: .failure("the kernel refused")))
    #expect(event?["type"] == "Warning")
    #expect(event?["reason"] == "RepairFailed")
    #expect(
      event?["message"] == """
        cannot put the redirect of the pod's traffic back in place: the kernel refused; it was missing \
        (missing: table inet istio-cni); delete the pod, so that it is set up anew
        """)
  }

  @Test("what was not tried is no Event")
  func skipped() async throws {
    #expect(try await Self.event(AuditFinding(Self.pod, .missing, repair: .skip("why"))) == nil)
    #expect(try await Self.event(AuditFinding(Self.pod, .foreign)) == nil)
  }
}
