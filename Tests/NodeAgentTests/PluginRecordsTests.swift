import CNI
import JSON
import Logging
import NodeAgent
import ServiceLifecycle
import System
import TestKit
import Testing

@Suite(.timeLimit(.minutes(5))) struct PluginRecordsTests {
  private static let added = #"""
    {"level":"info","command":"ADD","container":"c0ffee","pod":"shop/cart","facts":"agent","decision":"redirect",
     "phases_us":{"facts":300,"apply":900},"duration_us":1500}
    """#
  private static let skipped =
    #"{"level":"info","command":"ADD","pod":"shop/x","decision":"skip","skip":"no-proxy","reason":"…","duration_us":90}"#
  private static let failed =
    #"{"level":"error","command":"ADD","pod":"shop/cart","code":11,"error":"cannot read pod","duration_us":10000000}"#

  /// What the agent's own test makes the plugin do: DEL names no pod.
  private static let ofSelfTest = [
    #"{"level":"info","command":"ADD","container":"c","pod":"istio-cni-self-test/self-test","duration_us":7}"#,
    #"{"level":"info","command":"DEL","container":"istio-cni-self-test","decision":"remove","duration_us":7}"#,
  ]

  @Test("what the plugin tells is kept, counted, and said once; no label has a pod's name")
  func told() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path
    let metrics = Metrics()
    let lines = Recording<String>()
    let log = AgentLog(
      .plain, levels: LogLevels(agent: .info, plugin: .info),
      write: { lines.append(String(decoding: $0, as: UTF8.self)) })
    let records = PluginRecords(
      RunDirectory(path), metrics: PluginMetrics(in: metrics), logger: log.logger(AgentLog.pluginScope),
      agentLogger: log.logger(AgentLog.agentScope))
    let task = Task { await records.run() }
    try await eventually {
      try exists("\(path)/records.sock") && FileIdentity(of: "\(path)/records.sock").mode == 0o600
    }
    for line in Self.ofSelfTest + [Self.added, Self.skipped, Self.failed, "no JSON"] {
      try sendDatagram(Array(line.utf8), to: "\(path)/records.sock")
    }
    try await eventually { metrics.text.contains("istio_cni_plugin_records_lost_total 1") }
    task.cancel()
    await task.value

    let history = try PluginHistory(RunDirectory(path)).records()
    #expect(history.map { $0["pod"]?.string } == ["shop/cart", "shop/x", "shop/cart"])
    #expect(history.allSatisfy { $0["time"]?.string?.hasSuffix("Z") == true })
    let text = metrics.text
    #expect(text.contains(#"istio_cni_plugin_requests_total{command="ADD",code="0"} 2"#))
    #expect(text.contains(#"istio_cni_plugin_requests_total{command="ADD",code="11"} 1"#))
    #expect(text.contains(#"istio_cni_plugin_decisions_total{decision="skip",reason="no-proxy"} 1"#))
    #expect(text.contains(#"istio_cni_plugin_facts_total{source="agent"} 1"#))
    #expect(text.contains(#"istio_cni_plugin_duration_seconds_count{command="ADD",phase="apply"} 1"#))
    #expect(!text.contains("cart"))
    #expect(!text.contains(#"command="DEL""#))
    #expect(!lines.all.contains { $0.contains("self-test") })
    #expect(lines.all.count { $0.contains("shop/cart") } == 2)
    #expect(try !exists("\(path)/records.sock"))
    #expect(PluginHistory.text(of: history).contains("error 11"))
  }

  @Test("a socket that somebody took away is made again")
  func again() async throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/records.sock"
    let log = AgentLog(.plain, levels: LogLevels(agent: .info, plugin: .info), write: { _ in })
    let records = PluginRecords(
      RunDirectory(folder.path), metrics: PluginMetrics(in: Metrics()), logger: log.logger(AgentLog.pluginScope),
      agentLogger: log.logger(AgentLog.agentScope))
    let task = Task { await records.run() }
    try await eventually { try exists(path) }
    try removeFile(path)
    try await eventually { try exists(path) }
    task.cancel()
    await task.value
  }
}
