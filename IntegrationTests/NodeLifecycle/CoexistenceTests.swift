import Glibc
import Harness
import JSON
import Synchronization
import System
import TestKit
import Testing

/// What other CNI plugins are known to do with the folder, replayed beside a live agent.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct CoexistenceTests {
  enum First: String, Sendable, CaseIterable {
    case ours
    case theirs
  }

  @Test(
    "each plugin's file, its habits, and who came first: the agent gets along, and gives back what was there",
    arguments: VendorFile.all, First.allCases)
  func habits(vendor: VendorFile, first: First) async throws {
    try await onOwnThread {
      let host = try AgentNode.withoutPods()
      let (name, bytes) = (vendor.name, vendor.bytes)
      let path = "\(AgentNode.configurationFolder)/\(name)"
      // Where the plugin keeps what it writes.
      try host.node.write(bytes, to: "/run/theirs", mode: 0o600)
      let agent: AgentProcess
      if first == .ours {
        agent = try host.startAgent()
        #expect(agent.awaitReadiness(503), "\(agent.output.suffix(2000))")
        try host.node.shell("cp /run/theirs \(path)")
        #expect(agent.awaitReadiness(), "\(agent.output.suffix(2000))")
      } else {
        try host.node.shell("cp /run/theirs \(path)")
        agent = try host.readyAgent()
      }
      let expected = try host.installed()
      #expect(expected.entryCount == 1 && expected.isLast)

      // Rewritten when it restarts; deleted and made anew; a `.conf` before the `.conflist`.
      let stem =
        path.prefix { $0 != "." } == path[...] ? path : String(path[..<(path.lastIndex(of: ".") ?? path.endIndex)])
      let habits = [
        "cp /run/theirs \(path).tmp; mv \(path).tmp \(path)", "rm -f \(path); cp /run/theirs \(path)",
        """
        echo '{"cniVersion": "0.3.1", "name": "early", "type": "bridge"}' >\(stem).conf
        rm -f \(path); cp /run/theirs \(path); [ \(path) = \(stem).conf ] || rm -f \(stem).conf
        """,
      ]
      for habit in habits {
        try host.node.shell(habit)
        let duration = host.awaitState(expected)
        #expect(duration != nil, "\(habit): \(host.stateText): \(agent.output.suffix(3000))")
        #expect(agent.awaitReadiness(within: .seconds(3)), "\(habit): \(agent.output.suffix(3000))")
      }
      try agent.kill(SIGKILL)
      _ = try agent.wait()
      try host.run("uninstall")
      let left = try host.configurations()
      #expect(left == [name: bytes], "\(left.mapValues { String(decoding: $0, as: UTF8.self) })")
    }
  }

  @Test(
    "one that renames all others away is named, and the agent stays up and not ready", arguments: ["false", "true"])
  func exclusive(owned: String) async throws {
    try await onOwnThread {
      let host = try AgentNode.withoutPods(configMap: ["ISTIO_OWNED_CNI_CONFIG": owned])
      let bytes = try VendorFile("cilium").bytes
      let path = "\(AgentNode.configurationFolder)/05-cilium.conflist"
      try host.node.write(bytes, to: path)
      let agent = try host.readyAgent()
      let rival = Rival(host, path: path, bytes: bytes)
      let isContested = eventually(true, within: .seconds(15)) {
        agent.readiness == 503 && agent.output.contains("cilium")
      }
      #expect(isContested, "\(agent.output.suffix(3000))")
      #expect(agent.output.contains("cni.exclusive"))
      let conflicts = try agent.metrics().filter { $0.key.hasPrefix("istio_cni_config_conflicts_total") }
      #expect(conflicts.values.contains { $0 >= 1 }, "\(conflicts)")
      #expect(agent.isRunning)
      rival.end()
      // It is ready again only after a minute of calm.
      let isRepaired = try eventually(true, within: .seconds(35)) {
        let state = try host.installed()
        return state.entryCount == 1 && state.isLast
      }
      #expect(isRepaired, "\(host.stateText): \(agent.output.suffix(3000))")
      try agent.kill(SIGKILL)
      _ = try agent.wait()
      try host.run("uninstall")
      #expect(try host.configurations()["05-cilium.conflist"] == bytes)
    }
  }

  /// Puts its file back, and the others out of its way, as soon as somebody touches the folder: Cilium with
  /// `cni.exclusive`.
  private final class Rival: Sendable {
    private let process: AgentProcess?

    init(_ host: AgentNode, path: String, bytes: [UInt8]) {
      // A rival that does not start is one that the agent never complains about, and the test fails.
      try? host.node.write(bytes, to: "/run/theirs")
      process = try? AgentProcess(
        "/bin/sh",
        [
          "-c",
          """
          cd \(AgentNode.configurationFolder)
          while sleep 0.02; do
            cmp -s /run/theirs \(path) || { cp /run/theirs .new; mv .new \(path); }
            for file in *.conf *.conflist; do
              [ "$file" = 05-cilium.conflist ] || [ ! -e "$file" ] || mv "$file" "$file.cilium_bak"
            done
          done
          """,
        ], environment: ["PATH": "/usr/bin:/bin"], logPath: "/run/rival.log", on: host.node)
    }

    func end() {
      // It has no other end than this, and is reaped with its object.
      try? process?.kill(SIGKILL)
    }
  }

  @Test("standalone, for Multus: a file of our own that is put back and taken away")
  func standalone() async throws {
    try await onOwnThread {
      let host = try AgentNode.withoutPods(
        configMap: ["CHAINED_CNI_PLUGIN": "false", "CNI_CONF_NAME": "istio-cni.conf"])
      let multus = try VendorFile("multus")
      try host.node.write(multus.bytes, to: "\(AgentNode.configurationFolder)/00-multus.conf")
      let agent = try host.readyAgent()
      let text = try #require(try host.configuration("istio-cni.conf"))
      #expect(try JSONValue(parsing: text)["type"] == "istio-cni")
      try RepairTests.apply("rm istio-cni.conf", to: host)
      let again = try eventually(text, within: .seconds(2)) { try host.configuration("istio-cni.conf") ?? [] }
      #expect(again == text)
      #expect(try agent.terminate() == .exited(0))
      #expect(try host.configuration("istio-cni.conf") == text)
      try host.run("uninstall")
      #expect(try host.configurations() == ["00-multus.conf": multus.bytes])
    }
  }

  @Test("a forced name is waited for, with either ending")
  func forced() async throws {
    try await onOwnThread {
      let host = try RepairTests.host(configMap: ["CNI_CONF_NAME": "20-other.conf"])
      let agent = try host.startAgent()
      #expect(agent.awaitReadiness(503))
      #expect(eventually(true) { agent.output.contains("20-other.conf") })
      try host.writeConfiguration("20-other.conflist", AgentNode.primaryList())
      #expect(agent.awaitReadiness(), "\(agent.output.suffix(2000))")
      #expect(try host.configuration("20-other.conflist")?.contains("istio-cni") == true)
      #expect(try host.configuration("10-mesh.conflist")?.contains("istio-cni") == false)
    }
  }
}
