import CNI
import Harness
import JSON
import MeshPod
import Netfilter
import Plugin
import Redirect
import System
import SystemPackage
import Testing

@Suite struct PluginTests {
  /// What a runtime sends for a pod, with `changes` to the environment and to our configuration.
  static func run(
    _ command: String = "ADD", environment changes: [String: String?] = [:], configuration: JSONObject = [:],
    input: [UInt8]? = nil, uptime: Duration = .seconds(1000)
  ) -> Plugin.Outcome {
    var environment = [
      "CNI_COMMAND": command, "CNI_CONTAINERID": "c0ffee", "CNI_NETNS": "/nonexistent/netns", "CNI_IFNAME": "eth0",
      "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;K8S_POD_UID=7f3c",
      "CNI_PATH": "/opt/cni/bin",
    ]
    for (key, value) in changes { environment[key] = value }
    var network: JSONObject = [
      "cniVersion": "1.0.0", "name": "mesh", "type": "istio-cni", "exclude_namespaces": ["kube-system"],
      "pod_namespace": "istio-system",
      "prevResult": ["cniVersion": "1.0.0", "interfaces": [["name": "eth0"]], "vendor": ["x": 1]],
    ]
    for member in configuration.members { network[member.key] = member.value }
    let bytes = input ?? JSONValue.object(network).serialized()
    return Plugin.run(environment: environment, started: .now, uptime: uptime) { _ in .success(bytes) }
  }

  static func failure(_ outcome: Plugin.Outcome) throws -> (code: Int, message: String, details: String) {
    #expect(outcome.exitStatus == 1)
    let object = try JSONValue(parsing: outcome.standardOutput)
    return (
      try #require(object["code"]?.int), try #require(object["msg"]?.string), object["details"]?.string ?? ""
    )
  }

  @Test(
    "VERSION answers in the version asked, whatever it is sent",
    arguments: ["", "nonsense", #"{"cniVersion":"0.4.0"}"#])
  func version(input: String) throws {
    let outcome = Self.run(
      "VERSION", environment: ["CNI_CONTAINERID": nil, "CNI_NETNS": "dummy"], input: Array(input.utf8))
    let reply = try JSONValue(parsing: outcome.standardOutput)
    #expect(outcome.exitStatus == 0)
    #expect(reply["cniVersion"]?.string == (input.contains("0.4.0") ? "0.4.0" : "1.1.0"))
    #expect(reply["supportedVersions"]?.array?.compactMap(\.string) == SpecVersion.allSupported.map(\.rawValue))
  }

  @Test(
    "pods that invocation and configuration settle pass, without a kubeconfig and without their namespace",
    arguments: [
      ("IgnoreUnknown=1;K8S_POD_NAME=redis", "CNI_ARGS name no Kubernetes pod"),
      ("", "CNI_ARGS name no Kubernetes pod"),
      ("K8S_POD_NAMESPACE=kube-system;K8S_POD_NAME=dns", "the namespace is in exclude_namespaces"),
      ("K8S_POD_NAMESPACE=istio-system;K8S_POD_NAME=istio-cni-node-x7k2p", "the pod is this plugin's own agent"),
    ])
  func settledEarly(arguments: String, reason: String) throws {
    let outcome = Self.run(environment: ["CNI_ARGS": arguments])
    #expect(outcome.exitStatus == 0)
    #expect(
      try JSONValue(parsing: outcome.standardOutput)
        == ["cniVersion": "1.0.0", "interfaces": [["name": "eth0"]], "vendor": ["x": 1]])
    let log = try JSONValue(parsing: outcome.standardError)
    #expect(log["decision"]?.string == "skip")
    #expect(log["reason"]?.string == reason)
  }

  @Test("a pod whose annotations say that it is not injected passes, without a kubeconfig and without its namespace")
  func annotated() throws {
    let outcome = Self.run(configuration: Self.annotations(["kubernetes.io/config.source": "api"]))
    #expect(outcome.exitStatus == 0)
    let log = try JSONValue(parsing: outcome.standardError)
    #expect(log["reason"] == "no annotation sidecar.istio.io/status")
    #expect(log["facts"] == "annotations")
  }

  @Test(
    "a pod whose annotations mark it, or that has none at all, is asked about, and does not start without an answer",
    arguments: [["sidecar.istio.io/status": "{}"], [:], .null] as [JSONValue])
  func marked(annotations: JSONValue) throws {
    let failure = try Self.failure(Self.run(configuration: Self.annotations(annotations)))
    #expect(failure.message.contains("cannot read pod"))
  }

  @Test("annotations of another shape are refused", arguments: ["x", ["a": 1], [1]] as [JSONValue])
  func misshapen(annotations: JSONValue) throws {
    let failure = try Self.failure(Self.run(configuration: Self.annotations(annotations)))
    #expect(failure.code == 6)
    #expect(
      failure.message
        == "configuration key \"runtimeConfig\": io.kubernetes.cri.pod-annotations must be an object of strings")
    #expect(failure.details.contains("take the capability out of our entry"))
  }

  private static func annotations(_ value: JSONValue) -> JSONObject {
    ["runtimeConfig": ["io.kubernetes.cri.pod-annotations": value]]
  }

  @Test(
    "the agent is told of every invocation, whatever the log level is, where the configuration says that it listens")
  func record() throws {
    let configuration: JSONObject = ["cni_agent_run_dir": "/nonexistent/run", "plugin_log_level": "none"]
    let outcome = Self.run(environment: ["CNI_ARGS": ""], configuration: configuration)
    #expect(outcome.standardError == [])
    let record = try #require(outcome.record)
    #expect(record.socket == "/nonexistent/run/records.sock")
    let json = try JSONValue(parsing: record.line)
    #expect(json["command"] == "ADD" && json["decision"] == "skip" && json["duration_us"]?.int != nil)
    let failed = try JSONValue(parsing: try #require(Self.run(configuration: configuration).record).line)
    #expect(failed["code"] == 11 && failed["pod"] == "shop/cart" && failed["error"] != nil)
    #expect(failed["uid"] == "7f3c")
    #expect(failed["agent"] == "connect(/nonexistent/run/pods.sock) = ENOENT (2)")
    #expect(failed["phases_us"]?["facts"]?.int != nil)
    #expect(Self.run(environment: ["CNI_ARGS": ""]).record == nil)
    #expect(Self.run("VERSION", configuration: configuration).record == nil)
  }

  @Test("the answer is in the version asked", arguments: SpecVersion.allSupported)
  func answerVersion(_ version: SpecVersion) throws {
    let outcome = Self.run(
      environment: ["CNI_ARGS": ""], configuration: ["cniVersion": .string(version.rawValue), "prevResult": nil])
    #expect(outcome.exitStatus == 0)
    #expect(try JSONValue(parsing: outcome.standardOutput)["cniVersion"]?.string == version.rawValue)
  }

  static let malformedInputs: [(Plugin.Outcome, Int)] = [
    (run(input: []), 6),
    (run(input: Array("{\"cniVersion\":".utf8)), 6),
    (run(input: Array(#"{"name":"a","name":"b"}"#.utf8)), 6),
    (run(input: [0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 6),
    (run(input: Array(repeating: UInt8(ascii: "["), count: 10_000)), 6),
    (run(input: Array(repeating: UInt8(ascii: " "), count: 10 << 20)), 6),
    (run("FROB"), 4), (run("add"), 4),
    (run(environment: ["CNI_COMMAND": nil]), 4),
    (run(environment: ["CNI_CONTAINERID": nil, "CNI_IFNAME": nil]), 4),
    (run(environment: ["CNI_ARGS": "K8S_POD_NAME"]), 4),
    (run(configuration: ["cniVersion": "9.9.9"]), 1),
    (run(configuration: ["name": "../x"]), 7),
    (run(configuration: ["prevResult": "x"]), 6),
    (run("CHECK", configuration: ["cniVersion": "0.3.1"]), 1),
    (run("STATUS", configuration: ["cniVersion": "1.0.0"]), 1),
    (run("GC", configuration: ["cniVersion": "1.0.0"]), 1),
    (run("GC", environment: ["CNI_PATH": ""], configuration: ["cniVersion": "1.1.0"]), 4),
    (run("CHECK", configuration: ["prevResult": ["ips": "x"]]), 6),
    (run("CHECK", configuration: ["pod_namespace": 5]), 7),
    (run("GC", configuration: ["cniVersion": "1.1.0", "pod_namespace": 5]), 7),
    (run("STATUS", configuration: ["cniVersion": "1.1.0", "pod_namespace": 5]), 7),
    (run("STATUS", configuration: ["cniVersion": "1.1.0", "ambient_enabled": true]), 2),
  ]

  @Test("malformed input is one error object with the right code", arguments: malformedInputs)
  func malformed(outcome: Plugin.Outcome, code: Int) throws {
    let failure = try Self.failure(outcome)
    #expect(failure.code == code)
    #expect(!failure.message.isEmpty && failure.message.utf8.count < 200)
  }

  @Test(
    "a key of a wrong type or value is an error that names key and value",
    arguments: [
      ("exclude_namespaces", "kube-system", 7), ("pod_namespace", 5, 7), ("cni_agent_run_dir", ["x"], 7),
      ("plugin_log_level", true, 7), ("native_nftables", "yes", 7), ("enablement_selectors", "all", 7),
      ("redirect_backend", "ipfw", 7), ("deadline_seconds", 0, 7), ("deadline_seconds", "10", 7),
      ("dns_capture", "some", 7), ("dns_capture", true, 7), ("proxy_outbound_port", 0, 7),
      ("proxy_inbound_port", 65536, 7), ("proxy_tunnel_port", "15008", 7), ("proxy_dns_port", -1, 7),
      ("outbound_owner_groups", "root", 7), ("outbound_owner_groups_exclude", [1000], 7),
      ("outbound_ipv4_loopback_cidr", "10.0.0.0/8", 7),
      ("enable_ambient_detection_retry", 1, 7), ("ambient_enabled", true, 2), ("ambient_enabled", "no", 7),
    ] as [(String, JSONValue, Int)])
  func wrongType(key: String, value: JSONValue, code: Int) throws {
    let failure = try Self.failure(Self.run(configuration: [key: value]))
    #expect(failure.code == code)
    #expect(failure.message.contains("\"\(key)\""))
    #expect(failure.message.contains(value.string ?? value.text()))
  }

  @Test("a pod that has to be looked up needs the agent's folder")
  func noRunDirectory() throws {
    let failure = try Self.failure(Self.run())
    #expect(failure.code == 7)
    #expect(failure.message == "cannot read pod shop/cart: \"cni_agent_run_dir\" is not configured")
  }

  @Test("a missing kubeconfig is named, and worth another try")
  func noKubeconfig() throws {
    let failure = try Self.failure(Self.run(configuration: ["cni_agent_run_dir": "/nonexistent/run"]))
    #expect(failure.code == 11)
    #expect(failure.message == "cannot read kubeconfig /nonexistent/run/istio-cni-kubeconfig")
    #expect(failure.details.contains("istio-cni-node"))
  }

  @Test(
    "DEL succeeds without anything to delete, whatever the configuration says of us",
    arguments: [
      run("DEL"), run("DEL", environment: ["CNI_NETNS": ""]), run("DEL", environment: ["CNI_NETNS": nil]),
      run("DEL", environment: ["CNI_ARGS": "garbage"]), run("DEL", configuration: ["prevResult": nil]),
      run("DEL", configuration: ["exclude_namespaces": 5]), run("DEL", environment: ["CNI_NETNS": "/etc/passwd"]),
      run("DEL", environment: ["CNI_NETNS": "/proc/self/ns/net"]),
    ])
  func delete(outcome: Plugin.Outcome) {
    #expect(outcome.exitStatus == 0)
    #expect(outcome.standardOutput == [])
  }

  @Test("an unreadable standard input is an I/O error")
  func unreadableInput() throws {
    let outcome = Plugin.run(
      environment: ["CNI_COMMAND": "ADD", "CNI_CONTAINERID": "a", "CNI_NETNS": "/x", "CNI_IFNAME": "eth0"],
      started: .now
    ) { _ in .failure(SystemError("read", "standard input", .ioError)) }
    let failure = try Self.failure(outcome)
    #expect(failure.code == 5)
    #expect(failure.message == "cannot read the network configuration from standard input")
  }

  @Test("every verb's line carries the runtime's trace", arguments: ["ADD", "DEL", "CHECK", "GC", "STATUS"])
  func trace(command: String) throws {
    let outcome = Self.run(command, environment: ["TRACEPARENT": "00-1-2-01"], configuration: ["cniVersion": "1.1.0"])
    let log = try JSONValue(parsing: outcome.standardError)
    #expect(log["traceparent"] == "00-1-2-01")
    #expect(log["command"]?.string == command)
    #expect((log["container"] == nil) == ["GC", "STATUS"].contains(command))
  }

  @Test("the log threshold silences the line")
  func quiet() {
    let outcome = Self.run(environment: ["CNI_ARGS": ""], configuration: ["plugin_log_level": "error"])
    #expect(outcome.standardError == [])
  }

  static func configuration(_ keys: JSONObject) throws -> PluginConfiguration {
    var network: JSONObject = ["cniVersion": "1.0.0", "name": "mesh"]
    for member in keys.members { network[member.key] = member.value }
    return try PluginConfiguration(NetworkConfiguration(parsing: JSONValue.object(network).serialized()))
  }

  @Test("the keys that hold for every pod, and their defaults")
  func policyDefaults() throws {
    #expect(try Self.configuration([:]).policyDefaults == PolicyDefaults())
    let defaults = try Self.configuration([
      "dns_capture": "servers", "proxy_outbound_port": 16001, "proxy_inbound_port": 16006,
      "proxy_tunnel_port": 16008, "proxy_dns_port": 16053, "outbound_owner_groups": "1000, 2000",
      "outbound_ipv4_loopback_cidr": "127.0.0.0/8",
      "runtimeConfig": ["dns": ["servers": ["10.96.0.10", "fe80::1%eth0"]]],
    ]).policyDefaults
    #expect(defaults.dnsScope == .servers)
    #expect([defaults.ports.outbound, defaults.ports.inbound].map(\.rawValue) == [16001, 16006])
    #expect([defaults.ports.tunnel, defaults.ports.dns].map(\.rawValue) == [16008, 16053])
    #expect(defaults.ownerGroups == .only([GroupID(1000), GroupID(2000)]))
    #expect(defaults.loopback == CIDR("127.0.0.0/8"))
    #expect(defaults.nameservers == [IPAddress("10.96.0.10")])
    let excluded = try Self.configuration(["outbound_owner_groups_exclude": "7"]).policyDefaults
    #expect(excluded.ownerGroups == .all(except: [GroupID(7)]))
  }

  @Test(
    "Istio's native_nftables is a wish that our own key overrides",
    arguments: [
      ([:], .auto), (["native_nftables": true], .nftables), (["native_nftables": false], .auto),
      (["native_nftables": true, "redirect_backend": "iptables"], .iptables), (["redirect_backend": "auto"], .auto),
    ] as [(JSONObject, BackendSelection.Preference)])
  func backend(keys: JSONObject, expected: BackendSelection.Preference) throws {
    #expect(try Self.configuration(keys).backend == expected)
  }
}
