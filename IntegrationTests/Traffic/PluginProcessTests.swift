import CNI
import Harness
import JSON
import Netfilter
import Redirect
import System
import TestKit
import Testing
import TruthTables

/// The plugin as the runtime runs it: a process, a chain, an API server behind TLS.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct PluginProcessTests {
  static func mesh(_ entry: JSONObject = [:]) throws -> MeshNode {
    try MeshNode(pluginFolder: try executableFolder(), entry: entry)
  }

  static let meshed = PodTemplate.pod(.classicSidecar, name: "cart", uid: "7f3c")

  /// Our plugin alone, without the chain before it, on a fresh sandbox of `pod`.
  static func sandbox(of pod: JSONValue = meshed, on mesh: MeshNode, number: Int = 1) throws -> Sandbox {
    mesh.apiServer.put(pod)
    return try Sandbox(
      PodIdentity(
        namespace: "shop", name: pod["metadata"]?["name"]?.string ?? "", uid: pod["metadata"]?["uid"]?.string ?? ""),
      number: number, on: mesh.node)
  }

  static func add(_ sandbox: Sandbox, on mesh: MeshNode, timeLimit: Duration = .seconds(30)) throws -> ChildOutcome {
    try mesh.runtime.invoke(.ADD, try #require(mesh.runtime.list.plugins.last), sandbox, timeLimit: timeLimit)
  }

  @Test("the demonstration's every connection ends where it should")
  func demonstration() throws {
    let demonstration = try Demonstration(AgentNode.Programs(folder: try executableFolder()))
    let rows = try demonstration.run()
    #expect(rows.filter { !$0.isOK }.map(\.json) == [])
    #expect(rows.count >= 48)
    try demonstration.tearDown()
  }

  @Test(
    "pods as injectors leave them are redirected, or not",
    arguments: [
      ("classic-sidecar", true), ("native-sidecar", true), ("gateway", false), ("proxyless-grpc", false),
      ("job-with-sidecar", true), ("host-network", false), ("istio-init", false), ("istio-validation", true),
      ("no-sidecar", false), ("interception-none", false), ("static-mirror", false), ("pod-security-context", true),
      ("inject-disabled", false), ("tproxy", true),
    ])
  func fixtures(name: String, isRedirected: Bool) throws {
    let mesh = try Self.mesh()
    let pod = try mesh.start(try fixture("pods/\(name)/pod.json"), number: 1)
    let ruleset = try pod.sandbox.network.nft("list", "ruleset")
    #expect(ruleset.contains("table inet istio-cni") == isRedirected)
    #expect(mesh.apiServer.requestCount == 1)
  }

  @Test(
    "the back end is the configured one, and the log line says which and why",
    arguments: [
      ([:], "nftables", "the kernel can"), (["native_nftables": true], "nftables", "configured"),
      (["redirect_backend": "iptables"], "iptables", "configured; iptables-nft: its programs work"),
    ] as [(JSONObject, String, String)])
  func backend(keys: JSONObject, name: String, reason: String) throws {
    let mesh = try Self.mesh(keys)
    let sandbox = try Self.sandbox(on: mesh)
    let lines = try Self.add(sandbox, on: mesh).standardError.split(separator: UInt8(ascii: "\n"))
    #expect(lines.count == 1)
    let log = try JSONValue(parsing: Array(lines.first ?? []))
    #expect(log["backend"]?.string == name)
    #expect(log["backend_reason"]?.string == reason)
    let table = name == "nftables" ? "table inet istio-cni" : "chain ISTIO_CNI_NAT_OUTPUT"
    #expect(try sandbox.network.nft("list", "ruleset").contains(table))
    let plugin = try #require(mesh.runtime.list.plugins.last)
    _ = try mesh.runtime.invoke(.DEL, plugin, sandbox)
    #expect(try !sandbox.network.nft("list", "ruleset").contains(table))
  }

  @Test("iptables that is configured and not there keeps a meshed pod from starting, and says what is missing")
  func noIptables() throws {
    let mesh = try Self.mesh(["redirect_backend": "iptables"])
    let sandbox = try Self.sandbox(on: mesh)
    try mesh.node.run { () throws(SystemError) in try mountTemporaryFileSystem(at: "/usr/sbin") }
    let error = #expect(throws: RuntimeError.self) { try Self.add(sandbox, on: mesh) }
    #expect(error?.failure?["code"] == 103)
    #expect(error?.failure?["msg"] == "cannot redirect the traffic of shop/cart")
    #expect(
      error?.failure?["details"]?.string?.hasPrefix("no iptables-save and iptables-restore in /usr/sbin:") == true)
  }

  @Test("a plugin without CAP_NET_ADMIN reads the pod all the same, and fails where it needs that")
  func withoutNetworkRights() throws {
    let mesh = try Self.mesh()
    let sandbox = try Self.sandbox(on: mesh)
    var entry = try #require(mesh.runtime.list.plugins.last)
    entry["name"] = .string(mesh.runtime.list.name)
    entry["cniVersion"] = .string(mesh.runtime.list.version)
    let outcome = try mesh.node.runProgram(
      "/usr/bin/setpriv",
      ["--bounding-set=-net_admin", "--inh-caps=-net_admin", "\(try executableFolder())/istio-cni"],
      environment: [
        "CNI_COMMAND": "ADD", "CNI_CONTAINERID": sandbox.containerID, "CNI_NETNS": sandbox.path, "CNI_IFNAME": "eth0",
        "CNI_ARGS": "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart",
      ], standardInput: JSONValue.object(entry).serialized())
    #expect(mesh.apiServer.requestCount == 1)
    #expect(try JSONValue(parsing: outcome.standardOutput)["code"] == 103)
  }

  @Test("an application that runs as the proxy's user is reported in the log line")
  func sharedIdentity() throws {
    let mesh = try Self.mesh()
    var pod = try #require(Self.meshed.object)
    var spec = try #require(pod["spec"]?.object)
    spec["securityContext"] = ["runAsUser": 1337]
    pod["spec"] = .object(spec)
    let sandbox = try Self.sandbox(of: .object(pod), on: mesh)
    let log = try JSONValue(parsing: Self.add(sandbox, on: mesh).standardError)
    #expect(log["level"] == "warn")
    #expect(
      log["warning"]?.string == "not redirected, since it runs as the proxy's user 1337: container app")
  }

  @Test("what the chain made comes out unchanged")
  func passesResultOn() throws {
    let mesh = try Self.mesh()
    let pod = try mesh.start(Self.meshed, number: 1)
    let bridge = try #require(pod.result["interfaces"]?.array)
    #expect(bridge.count == 3)
    #expect(pod.addresses.count == 2)
    #expect(pod.result["cniVersion"] == "1.0.0")
  }

  @Test("a result comes out as it came in, fields that nobody knows included, for a meshed pod too")
  func passesEveryFieldOn() throws {
    let mesh = try Self.mesh()
    let sandbox = try Self.sandbox(on: mesh)
    let previous: JSONObject = [
      "vendor": ["x": [1, nil]], "cniVersion": "1.0.0", "interfaces": [["name": "eth0", "sandbox": "/x", "y": 0]],
      "ips": [["interface": 0, "address": "10.88.0.9/16", "z": ""]], "dns": [:],
    ]
    let outcome = try mesh.runtime.invoke(
      .ADD, try #require(mesh.runtime.list.plugins.last), sandbox, previous: previous)
    #expect(try JSONValue(parsing: outcome.standardOutput) == .object(previous))
    #expect(try sandbox.network.nft("list", "ruleset").contains("table inet istio-cni"))
  }

  @Test("a runtime's two DELs, a third one, and one after the namespace is gone all succeed")
  func deletes() throws {
    let mesh = try Self.mesh()
    let pod = try mesh.start(Self.meshed, number: 1)
    try mesh.runtime.delete(pod.sandbox, result: pod.result)
    #expect(try pod.sandbox.network.nft("list", "ruleset") == "")
    try mesh.runtime.delete(pod.sandbox)
    try pod.sandbox.remove()
    try mesh.runtime.delete(pod.sandbox)
    try mesh.runtime.delete(pod.sandbox, isGone: true)
  }

  @Test("ADD works with an empty PATH")
  func emptyPath() throws {
    let mesh = try Self.mesh()
    let bare = CNIRuntime(
      node: mesh.node, list: mesh.runtime.list, pluginFolders: mesh.runtime.pluginFolders, environment: ["PATH": ""])
    let sandbox = try Self.sandbox(on: mesh)
    _ = try bare.invoke(.ADD, try #require(mesh.runtime.list.plugins.last), sandbox)
    #expect(try sandbox.network.nft("list", "ruleset").contains("table inet istio-cni"))
  }

  @Test("killed at any point, ADD leaves all rules or none")
  func killed() throws {
    let mesh = try Self.mesh()
    let sandbox = try Self.sandbox(on: mesh)
    let start = ContinuousClock.now
    _ = try Self.add(sandbox, on: mesh)
    let whole = ContinuousClock.now - start
    let complete = try sandbox.network.nft("list", "ruleset")
    var random = SplitMix64(seed: 42)
    var outcomes = (none: 0, all: 0)
    for _ in 0..<220 {
      try PodRedirect.remove(from: sandbox.network)
      let limit = whole * Double.random(in: 0...1.1, using: &random)
      // Killed or finished: the state of the namespace is the question.
      _ = try? Self.add(sandbox, on: mesh, timeLimit: limit)
      let seen = try sandbox.network.nft("list", "ruleset")
      switch seen {
      case "": outcomes.none += 1
      case complete: outcomes.all += 1
      default: Issue.record("part of the rules after \(limit): \(seen)")
      }
    }
    #expect(outcomes.none > 0 && outcomes.all > 0, "\(outcomes)")
  }

  struct Refusal: Sendable, CustomStringConvertible {
    let name: String
    let behaviour: FakeAPIServer.Behaviour
    let code: Int
    let details: String
    var description: String { name }
  }

  @Test(
    "a meshed pod that cannot be looked up does not start, and nothing is applied",
    arguments: [
      Refusal(name: "forbidden", behaviour: .status(403), code: 104, details: "403"),
      Refusal(name: "unauthorized", behaviour: .status(401), code: 104, details: "401"),
      Refusal(name: "overloaded", behaviour: .status(503), code: 11, details: "503"),
      Refusal(name: "slow", behaviour: .slow(.seconds(30)), code: 11, details: "timed out after"),
      Refusal(name: "HTML", behaviour: .html200, code: 104, details: "JSON"),
    ])
  func lookUpFails(_ refusal: Refusal) throws {
    let mesh = try Self.mesh(["deadline_seconds": 1])
    let sandbox = try Self.sandbox(on: mesh)
    mesh.apiServer.setBehaviour(refusal.behaviour)
    let started = ContinuousClock.now
    let error = #expect(throws: RuntimeError.self) { try Self.add(sandbox, on: mesh) }
    #expect(ContinuousClock.now - started < .seconds(3))
    #expect(error?.failure?["code"]?.int == refusal.code)
    #expect(error?.failure?["msg"]?.string == "cannot read pod shop/cart from the API server")
    let details = error?.failure?["details"]?.string ?? ""
    // On a busy machine the deadline may come while the last of several attempts is under way.
    let isLate = refusal.code == 11 && details.contains("timed out after")
    #expect(details.contains(refusal.details) || isLate, "\(details)")
    #expect(!details.contains(MeshNode.token))
    #expect(try sandbox.network.nft("list", "ruleset") == "")
  }

  @Test("another pod's UID is not taken for this pod's")
  func wrongUID() throws {
    let mesh = try Self.mesh()
    mesh.apiServer.put(Self.meshed)
    let sandbox = try Sandbox(PodIdentity(namespace: "shop", name: "cart", uid: "0ther"), number: 1, on: mesh.node)
    let error = #expect(throws: RuntimeError.self) { try Self.add(sandbox, on: mesh) }
    #expect(error?.failure?["code"] == 11)
    #expect(
      error?.failure?["msg"] == "cannot decide on pod shop/cart: the API server has another pod of that name")
    #expect(try sandbox.network.nft("list", "ruleset") == "")
  }

  @Test("a setting that cannot be honoured keeps the pod from starting and names itself")
  func badAnnotation() throws {
    let mesh = try Self.mesh()
    let pod = PodTemplate.pod(
      .classicSidecar, name: "cart", uid: "7f3c",
      annotations: ["traffic.sidecar.istio.io/excludeOutboundPorts": "80-70"])
    let sandbox = try Self.sandbox(of: pod, on: mesh)
    let error = #expect(throws: RuntimeError.self) { try Self.add(sandbox, on: mesh) }
    #expect(error?.failure?["code"] == 101)
    #expect(
      error?.failure?["msg"]
        == "annotation traffic.sidecar.istio.io/excludeOutboundPorts: \"80-70\" is not a port range")
    #expect(try sandbox.network.nft("list", "ruleset") == "")
  }

  @Test("the node's own namespace is never programmed")
  func ownNamespace() throws {
    let mesh = try Self.mesh()
    let sandbox = try Self.sandbox(on: mesh)
    let outcome = try mesh.node.runProgram(
      "\(try executableFolder())/istio-cni",
      environment: [
        "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c0ffee", "CNI_NETNS": "/proc/self/ns/net", "CNI_IFNAME": "eth0",
        "CNI_ARGS": "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;K8S_POD_UID=7f3c",
      ],
      standardInput: Array(
        #"{"cniVersion":"1.0.0","name":"mesh","type":"istio-cni","cni_agent_run_dir":"\#(MeshNode.runDirectory)"}"#.utf8
      ))
    #expect(outcome.status == .exited(1))
    let failure = try JSONValue(parsing: outcome.standardOutput)
    #expect(failure["code"] == 4)
    #expect(failure["msg"] == "CNI_NETNS is the plugin's own namespace, not one of pod shop/cart")
    #expect(try mesh.node.network.nft("list", "ruleset") == "")
    #expect(try sandbox.network.nft("list", "ruleset") == "")
  }

  @Test("a namespace that cannot be entered is named")
  func noNamespace() throws {
    let mesh = try Self.mesh()
    let sandbox = try Self.sandbox(on: mesh)
    try sandbox.remove()
    let error = #expect(throws: RuntimeError.self) { try Self.add(sandbox, on: mesh) }
    #expect(error?.failure?["code"] == 102)
    #expect(error?.failure?["msg"] == "cannot enter the network namespace of shop/cart")
    #expect(error?.failure?["details"]?.string?.hasPrefix("open(\(sandbox.path)) = ENOENT (2)") == true)
  }

  @Test("without IPv6 in the pod, ADD does without ::6; with an IPv6 address it fails closed")
  func noIPv6() throws {
    let mesh = try Self.mesh()
    let sandbox = try Self.sandbox(on: mesh)
    try sandbox.network.setSysctl("net/ipv6/conf/all/disable_ipv6", "1")
    _ = try Self.add(sandbox, on: mesh)
    #expect(try sandbox.network.nft("list", "ruleset").contains("table inet istio-cni"))
    try PodRedirect.remove(from: sandbox.network)
    let error = #expect(throws: RuntimeError.self) {
      try mesh.runtime.invoke(
        .ADD, try #require(mesh.runtime.list.plugins.last), sandbox,
        previous: ["cniVersion": "1.0.0", "ips": [["address": "fd00:88::5/64"]]])
    }
    #expect(error?.failure?["code"] == 103)
    #expect(error?.failure?["msg"] == "cannot redirect the traffic of shop/cart")
    #expect(try sandbox.network.nft("list", "ruleset") == "")
  }
}
