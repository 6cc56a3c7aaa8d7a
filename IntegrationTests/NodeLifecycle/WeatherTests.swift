import Glibc
import Harness
import JSON
import System
import Testing

/// What nodes are like when something is wrong with them.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct WeatherTests {
  /// An agent that cannot do its work: it stays up, says why, and goes on once the cause is gone.
  private func outlasts(
    _ cause: String, saying words: [String], remedy: String, environment: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    try await onOwnThread {
      let host = try RepairTests.host()
      let before = try host.configuration("10-mesh.conflist")
      try RepairTests.apply(cause, to: host)
      let agent = try host.startAgent(environment: environment)
      #expect(agent.awaitReadiness(503), "\(agent.output)", sourceLocation: sourceLocation)
      let isTold = eventually(true, within: .seconds(5)) { words.allSatisfy(agent.output.contains) }
      #expect(isTold, "\(agent.output.suffix(3000))", sourceLocation: sourceLocation)
      if let now = try host.configuration("10-mesh.conflist") {
        #expect(now == before, sourceLocation: sourceLocation)
      }
      try RepairTests.apply(remedy, to: host)
      #expect(
        agent.awaitReadiness(within: .seconds(35)), "\(agent.output.suffix(3000))", sourceLocation: sourceLocation)
      #expect(agent.isRunning, sourceLocation: sourceLocation)
      let state = try host.installed()
      #expect(state.entryCount == 1 && state.isLast, sourceLocation: sourceLocation)
    }
  }

  @Test("a bin folder that is read-only")
  func readOnlyBinaries() async throws {
    let folder = AgentNode.binaryFolder
    try await outlasts(
      "mount --bind \(folder) \(folder); mount -o remount,bind,ro \(folder)", saying: ["EROFS", folder],
      remedy: "umount \(folder)")
  }

  @Test("a configuration folder that is full")
  func fullFolder() async throws {
    let folder = AgentNode.configurationFolder
    try await outlasts(
      """
      cp 10-mesh.conflist /run/keep; mount -t tmpfs -o size=8k none \(folder); cp /run/keep \(folder)/10-mesh.conflist
      head -c 4096 /dev/zero >\(folder)/filling || true
      """, saying: ["ENOSPC", folder], remedy: "mount -o remount,size=1m \(folder)")
  }

  @Test("a run folder that is full")
  func fullRunFolder() async throws {
    let folder = AgentNode.runDirectory
    try await outlasts(
      "mount -t tmpfs -o size=4k none \(folder); head -c 4096 /dev/zero >\(folder)/filling || true",
      saying: ["ENOSPC", folder], remedy: "rm \(folder)/filling")
  }

  @Test("a configuration folder that is not there yet")
  func noFolder() async throws {
    let folder = AgentNode.configurationFolder
    try await outlasts("mv \(folder) /run/away", saying: [folder], remedy: "mv /run/away \(folder)")
  }

  @Test("a token that is not there yet")
  func noToken() async throws {
    try await outlasts(
      "mv /run/secrets/serviceaccount /run/away", saying: ["/run/secrets/serviceaccount"],
      remedy: "mv /run/away /run/secrets/serviceaccount")
  }

  @Test("a token that is a folder")
  func unreadableToken() async throws {
    try await outlasts(
      "mv /run/secrets/serviceaccount/token /run/away; mkdir /run/secrets/serviceaccount/token",
      saying: ["/run/secrets/serviceaccount/token"],
      remedy: "rmdir /run/secrets/serviceaccount/token; mv /run/away /run/secrets/serviceaccount/token")
  }

  @Test("a plugin that is not in the image")
  func noSource() async throws {
    try await outlasts(
      "mv \(AgentNode.imageFolder)/istio-cni /run/away", saying: ["\(AgentNode.imageFolder)/istio-cni"],
      remedy: "mv /run/away \(AgentNode.imageFolder)/istio-cni")
  }

  // MARK: Odd files

  @Test(
    "an odd file of the primary plugin is installed into, and given back as it was",
    arguments: ["1 MB", "50 plugins", "a link", "a link to an absolute path", "written in the future"])
  func oddFile(kind: String) async throws {
    try await onOwnThread {
      let host = try AgentNode.withoutPods()
      let plugin = { (padding: Int) in
        #"{"type": "bridge", "padding": "\#(String(repeating: "x", count: padding))"}"#
      }
      let list = { (plugins: [String]) in
        #"{"cniVersion": "1.0.0", "name": "mesh", "plugins": ["# + plugins.joined(separator: ",\n") + "]}\n"
      }
      let text =
        switch kind {
        case "1 MB": list([plugin(1 << 20)])
        case "50 plugins": list((0..<50).map { plugin($0) })
        default: AgentNode.primaryList()
        }
      try host.writeConfiguration("10-mesh.conflist", text)
      switch kind {
      case "a link":
        try RepairTests.apply("mkdir d; mv 10-mesh.conflist d/real; ln -s d/real 10-mesh.conflist", to: host)
      case "a link to an absolute path":
        try RepairTests.apply("mv 10-mesh.conflist /run/real; ln -s /run/real 10-mesh.conflist", to: host)
      // As after a clock that was wrong; the machine's own cannot be moved for one node alone.
      case "written in the future": try RepairTests.apply("touch -d '2099-01-01' 10-mesh.conflist", to: host)
      default: break
      }
      let look = "stat -c '%N %a %u %F' 10-mesh.conflist; cat 10-mesh.conflist"
      let before = try host.node.shell("cd \(AgentNode.configurationFolder); \(look)")
      try host.run("install")
      let state = try host.installed()
      #expect(state.entryCount == 1 && state.isLast)
      try host.run("status")
      try host.run("uninstall")
      #expect(try host.node.shell("cd \(AgentNode.configurationFolder); \(look)") == before)
    }
  }

  @Test("a first file that no runtime loads is passed over, also when its date is in the future")
  func broken() async throws {
    try await onOwnThread {
      let host = try RepairTests.host()
      try RepairTests.apply("echo '{' >05-broken.conflist; touch -d 2099-01-01 05-broken.conflist", to: host)
      let agent = try host.readyAgent()
      let state = try host.installed()
      #expect(state.entryCount == 1)
      #expect(try host.configuration("05-broken.conflist") == Array("{\n".utf8))
      #expect(agent.output.contains("05-broken.conflist"))
    }
  }

  // MARK: Company, and what it takes

  @Test("two agents at once: both are ready, and there is one entry")
  func twoAgents() async throws {
    try await onOwnThread {
      let host = try RepairTests.host()
      let first = try host.startAgent()
      let second = try AgentProcess(
        host.programs.installer,
        environment: host.environment.merging(["HEALTH_PORT": "8001", "MONITORING_PORT": "15015"]) { $1 },
        logPath: "/run/second.log", on: host.node)
      #expect(first.awaitReadiness(), "\(first.output.suffix(2000))")
      let isReady = eventually(200) { (try? second.get("/readyz", port: 8001).status) ?? 0 }
      #expect(isReady == 200, "\(second.output.suffix(2000))")
      let before = try host.installed()
      #expect(before.entryCount == 1 && before.isLast)
      try RepairTests.apply("echo '\(Disturbance.all[2].line)' >/dev/null; \(Disturbance.all[2].line)", to: host)
      #expect(host.awaitState(before) != nil, "\(host.stateText)")
      #expect(first.awaitReadiness() && second.isRunning)
    }
  }

  @Test("a port that is taken ends the agent, and it says which", arguments: [8000, 15014] as [UInt16])
  func port(number: UInt16) async throws {
    try await onOwnThread {
      let host = try RepairTests.host()
      let service = try PodService("other", ports: [number], owner: .root, in: host.node.network)
      let agent = try host.startAgent()
      #expect(try agent.wait() == .exited(1))
      #expect(agent.output.contains("\(number)"), "\(agent.output)")
      #expect(try host.configuration("10-mesh.conflist") == Array(AgentNode.primaryList().utf8))
      service.close()
    }
  }

  @Test("without inotify the agent polls", .requires(.tracing), arguments: ["inotify_init1", "inotify_add_watch"])
  func polling(call: String) async throws {
    try await onOwnThread {
      let host = try RepairTests.host()
      let agent = try AgentProcess(
        "/usr/bin/strace",
        // The agent itself is then the child, and strace its grandchild.
        ["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)"]
          + ["-e", "inject=\(call):error=\(call == "inotify_init1" ? "EMFILE" : "ENOSPC")", host.programs.installer],
        environment: host.environment, logPath: AgentNode.logPath, on: host.node)
      #expect(agent.awaitReadiness(), "\(agent.output.suffix(2000))")
      let before = try host.installed()
      try RepairTests.apply(Disturbance.all[2].line, to: host)
      #expect(host.awaitState(before, within: .seconds(10)) != nil, "\(agent.output.suffix(2000))")
      #expect(agent.output.contains("inotify"))
    }
  }
}
