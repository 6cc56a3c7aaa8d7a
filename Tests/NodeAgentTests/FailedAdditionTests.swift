import CNI
import Harness
import JSON
import Logging
import System
import TestKit
import Testing

@testable import NodeAgent

@Suite("A pod whose start failed", .timeLimit(.minutes(5))) struct FailedAdditionTests {
  private static let record: JSONObject = [
    "level": "error", "command": "ADD", "container": "c0ffee", "pod": "shop/cart", "uid": "7f3c", "code": 103,
    "error": "cannot redirect the traffic of shop/cart", "details": "NFT_MSG_NEWRULE = ENOENT (2); nothing was applied",
  ]

  private static func failure(_ change: JSONObject = [:]) -> FailedAddition? {
    FailedAddition(.object(record.patched(with: change)))
  }

  @Test("has an Event with the plugin's message, and its details as what to do")
  func event() {
    #expect(
      Self.failure()?.notice
        == AgentNotice(
          .warning, "FailedRedirect", "cannot redirect the traffic of shop/cart",
          remedy: "NFT_MSG_NEWRULE = ENOENT (2); nothing was applied"))
    #expect(Self.failure()?.subject == .pod(namespace: "shop", name: "cart", uid: "7f3c"))
    #expect(Self.failure(["uid": nil])?.subject == .pod(namespace: "shop", name: "cart", uid: nil))
    #expect(Self.failure(["error": nil])?.notice.message == "the pod's network cannot be set up (code 103)")
  }

  @Test(
    "says what failed in one word",
    arguments: [
      (5, "FailedRedirect"), (7, "InvalidPluginConfiguration"), (11, "UnreadablePod"), (101, "InvalidRedirectSetting"),
      (102, "UnusableNetworkNamespace"), (103, "FailedRedirect"), (104, "UnreadablePod"),
    ])
  func reason(code: Int, reason: String) {
    #expect(Self.failure(["code": .number(JSONNumber(code))])?.notice.reason == reason)
  }

  @Test(
    "is neither one that started, nor another command's, nor one without a name",
    arguments: [
      ["code": nil], ["code": 0], ["command": "CHECK"], ["command": "DEL"], ["pod": nil], ["pod": "cart"],
    ] as [JSONObject])
  func others(change: JSONObject) {
    #expect(Self.failure(change) == nil)
  }

  @Test("is told as an Event on that pod, however often kubelet tries, and does not hold up what else is told")
  func told() async throws {
    let scene = try ClusterScene()
    // The API server is away as long as records come in.
    scene.server.setBehaviour(.status(503))
    let folder = try TemporaryFolder()
    let metrics = Metrics()
    let events = NoticeEvents(
      EventRecorder(
        scene.client, about: .node(name: "node-a"), nodeName: "node-a", logger: scene.log.logger,
        timeLimit: .seconds(60)))
    let records = PluginRecords(
      RunDirectory(folder.path), metrics: PluginMetrics(in: metrics), logger: scene.log.logger,
      agentLogger: scene.log.logger, announce: { events.take($0.notice, about: $0.subject) })
    let line = JSONValue.object(Self.record).serialized()
    try await running(records.run) {
      try await running(events.run) {
        try await eventually { try exists("\(folder.path)/records.sock") }
        for _ in 1...5 { try sendDatagram(line, to: "\(folder.path)/records.sock") }
        try await eventually {
          metrics.text.contains(#"istio_cni_plugin_requests_total{command="ADD",code="103"} 5"#)
        }
        scene.server.setBehaviour(.normal)
        try await eventually { !scene.server.objects(kind: "Event").isEmpty }
      }
    }
    let written = scene.server.objects(kind: "Event")
    #expect(written.count == 1)
    #expect(
      written.first?["involvedObject"] == [
        "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "cart", "uid": "7f3c",
      ])
    #expect(written.first?["type"] == "Warning")
    #expect(
      written.first?["message"]
        == "cannot redirect the traffic of shop/cart; NFT_MSG_NEWRULE = ENOENT (2); nothing was applied")
  }
}
