import CNI
import Glibc
import Harness
import JSON
import NodeAgent
import Redirect
import System
import TestKit
import Testing

/// What somebody does inside a running pod, and what an audit must call it.
struct Damage: Sendable {
  let pod: String
  /// Programs of the node, run in the pod's network namespace.
  let commands: [String]
  let state: String
  /// A part of the detail.
  let detail: String
  var mode = "REDIRECT"

  static let all = [
    Damage(pod: "intact", commands: [], state: "ok", detail: ""),
    Damage(
      pod: "flushed", commands: ["nft flush table inet istio-cni"], state: "changed",
      detail: "missing: rule 1 of nat-output (outbound port excluded)"),
    Damage(
      pod: "deleted", commands: ["nft delete table inet istio-cni"], state: "missing",
      detail: "missing: table inet istio-cni"),
    Damage(
      pod: "everything-flushed", commands: ["nft flush ruleset"], state: "missing",
      detail: "missing: table inet istio-cni"),
    Damage(
      pod: "dormant", commands: ["nft add table inet istio-cni { flags dormant; }"], state: "changed",
      detail: "changed: table inet istio-cni"),
    Damage(
      pod: "rule-deleted",
      commands: ["nft delete rule inet istio-cni nat-output handle HANDLE(outbound port excluded)"],
      state: "changed", detail: "missing: rule 1 of nat-output (outbound port excluded)"),
    Damage(
      pod: "rule-added", commands: ["nft insert rule inet istio-cni nat-output accept"], state: "changed",
      detail: "extra: rule 1 of nat-output"),
    Damage(
      pod: "rules-swapped", commands: [swapping], state: "changed", detail: "reordered: rule 1 of nat-output"),
    Damage(
      pod: "address-gone", commands: ["ip address delete ::6/128 dev lo"], state: "changed",
      detail: "missing: address ::6/128 on lo"),
    Damage(
      pod: "policy-rule-gone", commands: ["ip rule delete fwmark 1337"], state: "changed",
      detail: "missing: policy rule for mark 1337 (0.0.0.0/0)", mode: "TPROXY"),
    Damage(
      pod: "route-gone", commands: ["ip -6 route flush table 133"], state: "changed",
      detail: "missing: route to ::/0 in table 133", mode: "TPROXY"),
    Damage(
      pod: "beside-others",
      commands: [
        "nft add table ip theirs", "nft add chain ip theirs c { type nat hook output priority -110 ; }",
        "nft add rule ip theirs c tcp dport 1 redirect to :2",
      ], state: "foreign", detail: "beside rules of others: table ip theirs"),
  ]

  /// Moves the first rule of a chain to its end.
  static let swapping = "SWAP"

  func inflict(on pod: RunningPod) throws {
    for command in commands {
      if command == Self.swapping {
        try Self.swap(in: pod.sandbox.network)
        continue
      }
      let words = try PodRedirectTests.withHandle(command, in: pod.sandbox.network)
        .split(separator: " ").map { String($0) }
      _ = try pod.sandbox.network.run("/usr/sbin/\(words[0])", Array(words.dropFirst()))
    }
  }

  private static func swap(in namespace: borrowing NetworkNamespace) throws {
    let listing = try namespace.nft("-a", "list", "chain", "inet", "istio-cni", "nat-output")
    let first = try #require(
      listing.split(separator: "\n").first { $0.contains(" # handle ") && $0.contains("comment") })
    let parts = first.split(separator: " # handle ")
    _ = try namespace.nft(
      "-f", "-",
      input: """
        delete rule inet istio-cni nat-output handle \(parts[1])
        add rule inet istio-cni nat-output \(parts[0].drop { $0.isWhitespace })

        """)
  }
}

/// Audit and repair of running pods.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct AuditTests {
  @Test("each kind of damage is found by its word, and mended by the agent while traffic flows")
  func vandal() async throws {
    try await onOwnThread {
      let host = try Self.host()
      // Before the plugin was there: one of them a Job with a native sidecar.
      let early = try Self.start("early", .classicSidecar, number: 90, on: host)
      let job = try Self.start("job", .nativeSidecar, number: 91, on: host)
      let installer = try host.readyAgent(["AUDIT_INTERVAL_SECONDS": "0"])
      var pods: [String: RunningPod] = ["early": early, "job": job]
      for (number, damage) in Damage.all.enumerated() {
        pods[damage.pod] = try Self.start(damage.pod, .classicSidecar, number: number + 1, on: host, mode: damage.mode)
      }
      pods["misplaced"] = try Self.start("misplaced", .classicSidecar, number: 80, on: host)
      pods["plain"] = try Self.start("plain", .noSidecar, number: 81, on: host)
      host.apiServer.put(Self.nodeNetworkPod)
      try installer.kill(SIGKILL)
      _ = try installer.wait()

      // A connection that the proxy holds. Without any rule the kernel tracks no connections, and cuts it by itself.
      let damaged = try #require(pods["rule-deleted"])
      let world = try #require(pods["plain"])
      let proxied = try LiveConnection(
        from: damaged.sandbox.network, as: .application, to: try #require(world.endpoint(80, isIPv6: false)),
        in: damaged.sandbox.network, served: .proxy, at: Endpoint("127.0.0.1", 15001), keepsListening: true)
      for damage in Damage.all { try damage.inflict(on: try #require(pods[damage.pod])) }
      try Self.misplace("misplaced", to: try #require(pods["intact"]), on: host)
      #expect(proxied.carriesData())

      let (status, findings) = try Self.audit(host)
      #expect(status == .exited(3))
      for damage in Damage.all {
        let finding = try #require(findings[damage.pod])
        #expect(finding.state == damage.state, "\(damage.pod): \(finding)")
        #expect(damage.detail.isEmpty || finding.text.contains(damage.detail), "\(damage.pod): \(finding)")
      }
      for name in ["early", "job"] { #expect(findings[name]?.state == "missing") }
      #expect(findings["misplaced"]?.state == "wrong-pod")
      #expect(
        findings["misplaced"]?.text.contains("has the address 10.88.") == true
          && findings["misplaced"]?.text.contains("of shop/intact") == true, "\(findings["misplaced"]?.text ?? "")")
      #expect(findings["plain"] == nil)
      #expect(findings["on-node"] == nil)
      let table = try host.installer("audit")
      #expect(table.standardOutput.contains("NAMESPACE  NAME"))
      #expect(table.standardOutput.contains("shop       early"))

      // Without the API server those on record are known.
      host.apiServer.setBehaviour(.status(503))
      let (offline, recorded) = try Self.audit(host)
      #expect(offline == .exited(3))
      #expect(recorded["early"] == nil)
      #expect(recorded["deleted"]?.state == "missing")
      #expect(recorded["misplaced"]?.state == "wrong-pod")
      host.apiServer.setBehaviour(.normal)

      let application = try LivingPod(world, isMeshed: false)
      defer { application.close() }
      let deleted = try LivingPod(try #require(pods["deleted"]), isMeshed: true)
      defer { deleted.close() }
      #expect(Self.whoAnswers(deleted.pod, at: world) == ["application", "application"])
      let agent = try host.readyAgent(["AUDIT_INTERVAL_SECONDS": "2"])
      let isMended = eventually(true, within: .seconds(20)) {
        Self.whoAnswers(deleted.pod, at: world) == ["proxy", "proxy"]
      }
      #expect(isMended, "\(agent.output.suffix(4000))")
      #expect(proxied.carriesData())

      let bad = try eventually(["beside-others: foreign"], within: .seconds(20)) {
        try Self.audit(host).findings.filter { $0.value.state != "ok" }.map { "\($0.key): \($0.value.state)" }
      }
      #expect(bad == ["beside-others: foreign"], "\(agent.output.suffix(6000))")
      #expect(try damaged.sandbox.network.nft("list", "ruleset").contains("table inet istio-cni"))
      // What others have put there stays.
      let besides = try #require(pods["beside-others"])
      #expect(try besides.sandbox.network.nft("list", "ruleset").contains("table ip theirs"))

      let metrics = try agent.metrics()
      #expect(
        (metrics[#"istio_cni_repair_pods_repaired_total{type="repair",result="success"}"#] ?? 0)
          >= Double(Damage.all.count - 2 + 3))
      #expect(metrics[#"istio_cni_repair_pods_repaired_total{type="repair",result="fail"}"#] == nil)
      #expect(
        try eventually(1.0) { try agent.metrics()[#"istio_cni_audited_pods{state="foreign"}"#] ?? 0 } == 1)
      let events = eventually(true) {
        host.apiServer.requests("POST", to: "/api/v1/namespaces/shop/events").count >= Damage.all.count - 2 + 3
      }
      #expect(events)
      #expect(!agent.output.contains("pod shop/intact"))

      // Once more, at the agent's side: a damage between two audits, and a pod that comes without a redirect.
      try Damage.all[2].inflict(on: deleted.pod)
      let isMendedAgain = eventually(true, within: .seconds(20)) {
        Self.whoAnswers(deleted.pod, at: world) == ["proxy", "proxy"]
      }
      #expect(isMendedAgain, "\(agent.output.suffix(4000))")
    }
  }

  @Test("a pod that appears without a redirect is repaired at once; repair that is off leaves all as it is")
  func appears() async throws {
    try await onOwnThread {
      let host = try Self.host()
      let early = try Self.start("early", .classicSidecar, number: 1, on: host, isKnown: false)
      let agent = try host.readyAgent(["AUDIT_INTERVAL_SECONDS": "3600", "REPAIR_REPAIR_PODS": "false"])
      host.apiServer.put(Self.object("early", .classicSidecar, early))
      let told = eventually(true) { agent.output.contains("the redirect of pod shop/early: missing") }
      #expect(told, "\(agent.output.suffix(3000))")
      #expect(try !early.sandbox.network.nft("list", "ruleset").contains("table inet istio-cni"))
      _ = try agent.terminate()

      let second = try Self.start("second", .classicSidecar, number: 2, on: host, isKnown: false)
      _ = try second.sandbox.network.nft("delete", "table", "inet", "istio-cni")
      let repairing = try host.readyAgent(["AUDIT_INTERVAL_SECONDS": "3600"])
      let isMended = eventually(true) { Self.hasTable(early) }
      #expect(isMended, "\(repairing.output.suffix(3000))")
      host.apiServer.put(Self.object("second", .classicSidecar, second))
      let secondIsMended = eventually(true) { Self.hasTable(second) }
      #expect(secondIsMended, "\(repairing.output.suffix(3000))")

      // A new pod under the same name is another one.
      _ = try early.sandbox.network.nft("delete", "table", "inet", "istio-cni")
      host.apiServer.put(Self.object("early", .classicSidecar, early, uid: "9c1d"))
      let newOneIsMended = eventually(true) { Self.hasTable(early) }
      #expect(newOneIsMended, "\(repairing.output.suffix(3000))")

      let lost = try host.run("audit", "--output", "json", environment: ["HOST_NETNS_DIR": "/run/none"], status: 3)
      #expect(lost.contains("\"not-found\"") && lost.contains("no namespace in /run/none"), "\(lost)")
    }
  }

  @Test("a pod that no path leads to is found by its processes: its own by UID, the oldest first, else by address")
  func processes() throws {
    let pair = try PodPair()
    let other = try NetworkNamespace.create()
    let folder = try TemporaryFolder()
    let uid = "0b5a2c1e-52d1-4f5c-9f6a-0a1b2c3d4e5f"
    let paths = ["pod", "world", "other"].map { "\(folder.path)/\($0)" }
    try pair.pod.bind(to: paths[0])
    defer { #expect(throws: Never.self) { try NetworkNamespace.unbind(paths[0]) } }
    try pair.world.bind(to: paths[1])
    defer { #expect(throws: Never.self) { try NetworkNamespace.unbind(paths[1]) } }
    try other.bind(to: paths[2])
    defer { #expect(throws: Never.self) { try NetworkNamespace.unbind(paths[2]) } }
    let slice = "kubepods.slice/kubepods-burstable-pod\(uid.replacing("-", with: "_")).slice/x.scope"
    try Self.addProcess(30, startedAt: 700, in: paths[0], cgroup: slice, to: folder.path)
    try Self.addProcess(20, startedAt: 500, in: paths[0], cgroup: slice, to: folder.path)
    // In a namespace that it made itself, before its pod's others.
    try Self.addProcess(10, startedAt: 100, in: paths[2], cgroup: slice, to: folder.path)
    try Self.addProcess(40, startedAt: 50, in: paths[1], cgroup: "system.slice/sshd.service", to: folder.path)
    try folder.write("text", to: "proc/version")
    let address = try #require(IPAddress("10.9.0.2"))

    var namespaces = try PodNamespaces(
      PodNamespaces.Folders(bound: "\(folder.path)/none", processes: "\(folder.path)/proc"))
    let found = try namespaces.search([uid], [address])
    #expect(found.path == "\(folder.path)/proc/20/ns/net")
    let byAddress = try namespaces.search(["another"], [try #require(IPAddress("fd00:9::1"))])
    #expect(byAddress.path == "\(folder.path)/proc/40/ns/net")
    let trouble = #expect(throws: NamespaceTrouble.self) {
      _ = try namespaces.search([uid], [try #require(IPAddress("10.9.9.9"))]).path
    }
    #expect(
      trouble?.description.hasPrefix(
        "no namespace in \(folder.path)/none, and none of a process in \(folder.path)/proc, has 10.9.9.9") == true)

    // What is bound comes first, and a record before that; the node's own namespace is nobody's.
    try makeFolders("\(folder.path)/netns")
    try pair.pod.bind(to: "\(folder.path)/netns/cni-1")
    defer { #expect(throws: Never.self) { try NetworkNamespace.unbind("\(folder.path)/netns/cni-1") } }
    try folder.write("", to: "netns/stale")
    var bound = try PodNamespaces(
      PodNamespaces.Folders(bound: "\(folder.path)/netns", processes: "\(folder.path)/proc"))
    let places = [
      try bound.search([], [address]).path, try bound.open(recorded: "/var/run/netns/cni-1").path,
      try bound.open(recorded: "/proc/20/ns/net").path,
    ]
    #expect(places == ["netns/cni-1", "netns/cni-1", "proc/20/ns/net"].map { "\(folder.path)/\($0)" })
    let own = #expect(throws: NamespaceTrouble.self) { _ = try bound.open(recorded: "/run/../proc/self/ns/net").path }
    #expect(own?.description == "/run/../proc/self/ns/net is the node's own namespace")
    let stale = #expect(throws: NamespaceTrouble.self) { _ = try bound.open(recorded: "/run/netns/stale").path }
    #expect(stale?.description.isEmpty == false)
  }

  /// A process as the node's /proc shows it.
  private static func addProcess(
    _ pid: Int, startedAt time: Int, in namespace: String, cgroup: String, to folder: String
  ) throws {
    let process = "\(folder)/proc/\(pid)"
    try makeFolders("\(process)/ns")
    let zeroes = Array(repeating: "0", count: 18).joined(separator: " ")
    try PlainFile.write(Array("\(pid) (a b) c) S \(zeroes) \(time) 0".utf8), to: "\(process)/stat", mode: 0o644)
    try PlainFile.write(Array("0::/\(cgroup)\n".utf8), to: "\(process)/cgroup", mode: 0o644)
    try makeLink("\(process)/ns/net", to: namespace)
  }

  // MARK: The scene

  private static func host() throws -> AgentNode {
    let host = try AgentNode(AgentNode.Programs(folder: try executableFolder()))
    try host.writeConfiguration("10-mesh.conflist", AgentNode.primaryList())
    return host
  }

  private static let nodeNetworkPod: JSONValue = {
    var pod = PodTemplate.pod(.classicSidecar, name: "on-node", uid: "4d2a").object ?? [:]
    var spec = pod["spec"]?.object ?? [:]
    spec["nodeName"] = .string(AgentNode.nodeName)
    spec["hostNetwork"] = true
    pod["spec"] = .object(spec)
    pod["status"] = ["phase": "Running", "podIP": "10.96.0.1", "podIPs": [["ip": "10.96.0.1"]]]
    return .object(pod)
  }()

  /// A pod of this node, as the API server has it.
  private static func object(
    _ name: String, _ kind: PodTemplate.Kind, _ running: RunningPod? = nil, uid: String? = nil,
    mode: String = "REDIRECT"
  ) -> JSONValue {
    let annotations: JSONObject = mode == "REDIRECT" ? [:] : ["sidecar.istio.io/interceptionMode": .string(mode)]
    var pod =
      PodTemplate.pod(kind, name: name, uid: uid ?? "uid-of-\(name)", annotations: annotations).object ?? [:]
    var spec = pod["spec"]?.object ?? [:]
    spec["nodeName"] = .string(AgentNode.nodeName)
    if kind == .nativeSidecar { spec["restartPolicy"] = "Never" }
    pod["spec"] = .object(spec)
    if let running {
      pod["status"] = [
        "phase": "Running", "podIPs": .array(running.addresses.map { ["ip": .string($0)] }),
      ]
    }
    return .object(pod)
  }

  /// Starts a pod, of which kubelet then reports the addresses.
  private static func start(
    _ name: String, _ kind: PodTemplate.Kind, number: Int, on host: AgentNode, mode: String = "REDIRECT",
    isKnown: Bool = true
  ) throws -> RunningPod {
    let running = try host.start(object(name, kind, mode: mode), number: number)
    if isKnown { host.apiServer.put(object(name, kind, running, mode: mode)) }
    return running
  }

  private static func hasTable(_ pod: RunningPod) -> Bool {
    // A list that cannot be had has nothing in it.
    ((try? pod.sandbox.network.nft("list", "ruleset")) ?? "").contains("table inet istio-cni")
  }

  /// Who answers the application of a pod that asks another pod's application, over both families.
  private static func whoAnswers(_ pod: RunningPod, at other: RunningPod) -> [String] {
    [false, true].compactMap { other.endpoint(8080, isIPv6: $0) }.map { endpoint in
      switch Probe(to: endpoint, as: .application).fire(in: pod.sandbox.network) {
      case .answered(let answer): answer.service
      case let outcome: "\(outcome)"
      }
    }
  }

  struct Found: Sendable, CustomStringConvertible {
    let state: String
    let text: String
    var description: String { "\(state): \(text)" }
  }

  /// What the command says, by the pods' names.
  private static func audit(_ host: AgentNode) throws -> (status: ChildStatus, findings: [String: Found]) {
    let outcome = try host.installer("audit", "-o", "json")
    let list = try JSONValue(parsing: outcome.standardOutput).array ?? []
    var findings: [String: Found] = [:]
    for item in list {
      let texts = ["differences", "foreign"].flatMap { item[$0]?.array ?? [] }.compactMap(\.string)
      let besides = item["foreign"] == nil ? "" : "beside rules of others: "
      findings[item["name"]?.string ?? ""] = Found(
        state: item["state"]?.string ?? "",
        text: "\(item["reason"]?.string ?? "") \(besides)\(texts.joined(separator: "; "))")
    }
    return (outcome.status, findings)
  }

  /// Lets a pod's record name another pod's namespace.
  private static func misplace(_ name: String, to other: RunningPod, on host: AgentNode) throws {
    let folder = "\(AgentNode.runDirectory)/attachments/mesh/eth0"
    for file in try host.node.names(in: folder) {
      guard var record = try JSONValue(parsing: try #require(try host.node.read("\(folder)/\(file)"))).object,
        record["pod"]?["name"]?.string == name
      else { continue }
      #expect(record["netns"] != nil)
      record["netns"] = .string(other.sandbox.path)
      try host.node.write(JSONValue.object(record).serialized(), to: "\(folder)/\(file)", mode: 0o600)
    }
  }
}

extension AgentNode {
  /// Runs the installer, which must end with this status.
  fileprivate func run(
    _ arguments: String..., environment: [String: String] = [:], status: CInt
  ) throws -> String {
    let outcome = try node.runProgram(
      programs.installer, arguments, environment: self.environment.merging(environment) { $1 },
      timeLimit: .seconds(60))
    let output = String(decoding: outcome.standardOutput + outcome.standardError, as: UTF8.self)
    guard outcome.status == .exited(status) else {
      throw AgentFailure(description: "install-cni \(arguments.joined(separator: " ")): \(outcome.status): \(output)")
    }
    return output
  }
}
