import CNI
import Glibc
import Harness
import JSON
import MeshPod
import Netfilter
import Plugin
import Redirect
import System
import SystemPackage
import TestKit
import Testing
import TruthTables

/// CHECK, DEL, GC and STATUS as far as they need no namespace.
@Suite struct VerbTests {
  static let recordKey = AttachmentRecords.Key(network: "mesh", containerID: "c0ffee", interfaceName: "eth0")
  static let record = AttachmentRecord(
    PodName(namespace: "shop", name: "cart", uid: "7f3c"), Configuration.standard, hasIPv6: true,
    Ruleset(Configuration.standard, hasIPv6: true), NftablesBackend())

  static func run(
    _ command: String, _ folder: borrowing TemporaryFolder, _ keys: JSONObject = [:],
    environment: [String: String?] = [:], uptime: Duration = .seconds(1000)
  ) -> Plugin.Outcome {
    var configuration: JSONObject = ["cniVersion": "1.1.0", "cni_agent_run_dir": .string(folder.path)]
    for member in keys.members { configuration[member.key] = member.value }
    return PluginTests.run(command, environment: environment, configuration: configuration, uptime: uptime)
  }

  static func log(_ outcome: Plugin.Outcome) throws -> JSONValue { try JSONValue(parsing: outcome.standardError) }

  // MARK: CHECK

  @Test("CHECK without a result to check is refused")
  func noPreviousResult() throws {
    let failure = try PluginTests.failure(Self.run("CHECK", TemporaryFolder(), ["prevResult": nil]))
    #expect(failure.code == 7)
    #expect(failure.message == "cannot CHECK without prevResult")
    #expect(failure.details == "the runtime must hand over the result of the ADD; a retry does not help")
  }

  @Test("CHECK of what we did not redirect finds nothing wrong, and opens no namespace")
  func unrecorded() throws {
    let folder = try TemporaryFolder()
    let outcome = Self.run("CHECK", folder)
    #expect(outcome.exitStatus == 0)
    #expect(outcome.standardOutput == [])
    #expect(try Self.log(outcome)["decision"] == "skip")
    #expect(try Self.log(outcome)["reason"] == "no redirect of this attachment is on record")
    #expect(folder.files == [])
    let unconfigured = Self.run("CHECK", folder, ["cni_agent_run_dir": nil])
    #expect(unconfigured.exitStatus == 0)
    #expect(try Self.log(unconfigured)["reason"] == #"without "cni_agent_run_dir" no pod is redirected"#)
  }

  @Test("CHECK with a record that cannot be read finds nothing wrong, and says why", arguments: ["", "back end"])
  func unusableRecord(text: String) throws {
    let folder = try TemporaryFolder()
    var record = try #require(try JSONValue(parsing: Self.record.serialized()).object)
    record["backend"] = "ipfw"
    try folder.write(text.isEmpty ? "" : JSONValue.object(record).text(), to: "attachments/mesh/eth0/c0ffee")
    let outcome = Self.run("CHECK", folder)
    #expect(outcome.exitStatus == 0)
    let log = try Self.log(outcome)
    #expect(log["level"] == "warn")
    #expect(
      log["reason"]?.string
        == "nothing usable is on record: "
        + (text.isEmpty
          ? "\(folder.path)/attachments/mesh/eth0/c0ffee holds no record that this version can read"
          : "unknown back end ipfw"))
  }

  @Test("CHECK of a redirected pod whose namespace is gone names the pod of the record")
  func namespaceGone() throws {
    let folder = try TemporaryFolder()
    try AttachmentRecords(RunDirectory(folder.path))
      .write(Self.record.serialized(), at: Self.recordKey)
    let failure = try PluginTests.failure(
      Self.run("CHECK", folder, environment: ["CNI_ARGS": "K8S_POD_NAMESPACE=other;K8S_POD_NAME=pod"]))
    #expect(failure.code == 102)
    #expect(failure.message == "cannot enter the network namespace of shop/cart")
  }

  // MARK: DEL

  @Test(
    "DEL removes the record, whatever else is wrong",
    arguments: [["prevResult": nil], ["exclude_namespaces": 5], ["plugin_log_level": 7]] as [JSONObject],
    [nil, "", "/nonexistent"])
  func delete(keys: JSONObject, namespace: String?) throws {
    let folder = try TemporaryFolder()
    try AttachmentRecords(RunDirectory(folder.path))
      .write(Self.record.serialized(), at: Self.recordKey)
    #expect(Self.run("DEL", folder, keys, environment: ["CNI_NETNS": namespace]).exitStatus == 0)
    #expect(folder.files == ["attachments/mesh/eth0"])
  }

  @Test("DEL leaves the redirect to the container's other attachment, and says so")
  func deleteOneOfTwo() throws {
    let folder = try TemporaryFolder()
    for path in ["mesh/eth0/c0ffee", "mesh/net1/c0ffee"] { try folder.write("", to: "attachments/\(path)") }
    let log = try Self.log(Self.run("DEL", folder, environment: ["CNI_IFNAME": "net1"]))
    #expect(log["decision"] == "keep")
    #expect(log["reason"] == "interface eth0 of network mesh needs the redirect")
    #expect(try Self.log(Self.run("DEL", folder))["decision"] == "remove")
  }

  @Test("DEL says what kept a record from being removed")
  func deleteFails() throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: "attachments/mesh/eth0/c0ffee/x")
    let outcome = Self.run("DEL", folder, environment: ["CNI_NETNS": nil])
    #expect(outcome.exitStatus == 1)
    let failure = try JSONValue(parsing: outcome.standardOutput)
    #expect(failure["code"] == 5)
    #expect(failure["msg"] == "cannot remove the record of container c0ffee")
    let path = "\(folder.path)/attachments/mesh/eth0/c0ffee"
    #expect(failure["details"]?.string?.hasPrefix("unlink(\(path)) = EISDIR (21); all else") == true)
  }

  // MARK: GC

  static let valid: JSONObject = ["cni.dev/valid-attachments": [["containerID": "c0ffee", "ifname": "eth0"]]]

  @Test("GC removes the records of attachments that are not listed, prints nothing, and may come again")
  func collect() throws {
    let folder = try TemporaryFolder()
    for path in ["mesh/eth0/c0ffee", "mesh/eth1/c0ffee", "mesh/eth0/gone", "other/eth0/gone"] {
      try folder.write("", to: "attachments/\(path)")
    }
    for removed in [2, 0] {
      let outcome = Self.run(
        "GC", folder, Self.valid,
        environment: ["CNI_CONTAINERID": "../x", "CNI_NETNS": "/etc/passwd", "CNI_IFNAME": "a/b"])
      #expect(outcome.exitStatus == 0)
      #expect(outcome.standardOutput == [])
      #expect(
        try Self.log(outcome)["reason"]?.string
          == "records of attachments that are not among the 1 valid ones: \(removed)")
    }
    #expect(
      folder.files == ["attachments/mesh/eth0/c0ffee", "attachments/mesh/eth1", "attachments/other/eth0/gone"])
  }

  @Test("GC removes nothing when the runtime does not say what is valid")
  func collectUnlisted() throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: "attachments/mesh/eth0/c0ffee")
    let outcome = Self.run("GC", folder)
    #expect(outcome.exitStatus == 0)
    #expect(try Self.log(outcome)["reason"] == "the runtime does not say which attachments are valid")
    #expect(folder.files == ["attachments/mesh/eth0/c0ffee"])
  }

  @Test("GC removes nothing when it cannot read what is valid", arguments: [.null, "x", [:], [1]] as [JSONValue])
  func collectMalformed(list: JSONValue) throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: "attachments/mesh/eth0/c0ffee")
    let failure = try PluginTests.failure(Self.run("GC", folder, ["cni.dev/valid-attachments": list]))
    #expect(failure.code == 7)
    #expect(folder.files == ["attachments/mesh/eth0/c0ffee"])
  }

  @Test("GC without the agent's folder has nothing to do")
  func collectUnconfigured() throws {
    let outcome = Self.run("GC", try TemporaryFolder(), ["cni_agent_run_dir": nil, "cni.dev/valid-attachments": []])
    #expect(outcome.exitStatus == 0)
    #expect(try Self.log(outcome)["reason"] == #"without "cni_agent_run_dir" there are no records"#)
  }

  @Test("GC with 10,000 valid attachments removes none of them")
  func collectMany() throws {
    let folder = try TemporaryFolder()
    let list = (0..<10_000).map { ["containerID": .string("c\($0)"), "ifname": "eth0"] as JSONValue }
    for number in stride(from: 0, to: 11_000, by: 100) { try folder.write("", to: "attachments/mesh/eth0/c\(number)") }
    #expect(Self.run("GC", folder, ["cni.dev/attachments": .array(list)]).exitStatus == 0)
    #expect(folder.files.count == 100)
  }

  // MARK: STATUS

  static let noKubeconfig = "cannot redirect pods: there is no usable kubeconfig"

  @Test("STATUS says what keeps pods from being redirected, and notes since when")
  func unavailable() throws {
    let folder = try TemporaryFolder()
    let outcome = Self.run("STATUS", folder, environment: ["CNI_CONTAINERID": "", "CNI_NETNS": "", "CNI_IFNAME": ""])
    let failure = try PluginTests.failure(outcome)
    #expect(failure.code == 50)
    #expect(failure.message == Self.noKubeconfig)
    let path = "\(folder.path)/istio-cni-kubeconfig"
    #expect(
      failure.details == """
        cannot read kubeconfig \(path): open(\(path)) = ENOENT (2); the istio-cni-node pod on this node writes it; \
        check that it runs
        """)
    #expect(try Self.log(outcome)["decision"] == "unavailable")
    #expect(folder.files == ["status-failing-since"])
    #expect(try readFile("\(folder.path)/status-failing-since", limit: 10) == Array("1000\n".utf8))
  }

  @Test("a token whose time is over is named by its file")
  func expired() throws {
    let folder = try TemporaryFolder()
    let token = serviceAccountToken(expiry: .seconds(1_600_000_000))
    try folder.write(
      kubeconfigText(server: "https://127.0.0.1:1", certificateAuthorityPEM: nil, token: token),
      to: "istio-cni-kubeconfig")
    let failure = try PluginTests.failure(Self.run("STATUS", folder))
    #expect(failure.code == 50)
    #expect(failure.message == "cannot redirect pods: there is no usable token for the API server")
    #expect(failure.details.hasPrefix("cannot use the token in \(folder.path)/istio-cni-kubeconfig: it expired "))
    #expect(failure.details.hasSuffix("; the istio-cni-node pod on this node renews it; check that it runs"))
    #expect(!failure.details.contains(token))
  }

  @Test("a server that no route leads to is named")
  func noRoute() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      kubeconfigText(server: "https://255.255.255.255:6443", certificateAuthorityPEM: nil, token: "sesame"),
      to: "istio-cni-kubeconfig")
    let failure = try PluginTests.failure(Self.run("STATUS", folder))
    #expect(failure.code == 50)
    #expect(failure.message == "cannot redirect pods: there is no route to the API server")
    #expect(
      failure.details.hasPrefix("cannot reach the API server at 255.255.255.255:6443: connect(255.255.255.255) = "))
  }

  /// A kubeconfig for an API server that there is a route to.
  private static func writeKubeconfig(_ folder: borrowing TemporaryFolder) throws {
    try folder.write(
      kubeconfigText(server: "https://127.0.0.1:1", certificateAuthorityPEM: nil, token: "sesame"),
      to: "istio-cni-kubeconfig")
  }

  // Without rights the kernel answers nothing about nf_tables; this asks for neither.
  @Test("STATUS says that the agent's self-test failed, and why", .enabled(if: CurrentProcess.isRoot))
  func selfTest() throws {
    let folder = try TemporaryFolder()
    try Self.writeKubeconfig(folder)
    try folder.write("a pod of the mesh is not redirected on this node; see why\n", to: "self-test-failed")
    let failure = try PluginTests.failure(Self.run("STATUS", folder))
    #expect(failure.code == 50)
    #expect(failure.message == "cannot redirect pods: the agent's self-test failed")
    #expect(failure.details == "a pod of the mesh is not redirected on this node; see why")
    // As any other reason, for 4 minutes.
    #expect(Self.run("STATUS", folder, uptime: .seconds(1240)).exitStatus == 0)
  }

  @Test(
    "a note of the self-test that is not whole says nothing", .enabled(if: CurrentProcess.isRoot),
    arguments: ["", "half a no"])
  func unfinishedNote(text: String) throws {
    let folder = try TemporaryFolder()
    try Self.writeKubeconfig(folder)
    try folder.write(text, to: "self-test-failed")
    #expect(Self.run("STATUS", folder).exitStatus == 0)
  }

  @Test("STATUS fails for 4 minutes in a row, and then only says so in the log")
  func limited() throws {
    let folder = try TemporaryFolder()
    for uptime in [1000, 1100, 1239] {
      #expect(Self.run("STATUS", folder, uptime: .seconds(uptime)).exitStatus == 1)
    }
    let outcome = Self.run("STATUS", folder, uptime: .seconds(1240))
    #expect(outcome.exitStatus == 0)
    #expect(outcome.standardOutput == [])
    let log = try Self.log(outcome)
    #expect(log["level"] == "warn")
    #expect(log["decision"] == "available")
    let warning = try #require(log["warning"]?.string)
    #expect(warning.hasPrefix("\(Self.noKubeconfig) (cannot read kubeconfig "))
    #expect(warning.hasSuffix("; not reported after 240 s: a node that stays unready loses its pods"))
  }

  @Test(
    "a note from the future, or without a time in it, counts as one from now", arguments: ["5000\n", "", "x\n", "7"])
  func noteFromTheFuture(text: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(text, to: "status-failing-since")
    #expect(Self.run("STATUS", folder).exitStatus == 1)
    #expect(try readFile("\(folder.path)/status-failing-since", limit: 10) == Array("1000\n".utf8))
    #expect(Self.run("STATUS", folder, uptime: .seconds(1240)).exitStatus == 0)
  }

  @Test("the agent's folder is made for the note, one level deep")
  func makesFolder() throws {
    let folder = try TemporaryFolder()
    let run = Self.run("STATUS", folder, ["cni_agent_run_dir": .string("\(folder.path)/run")])
    #expect(run.exitStatus == 1)
    #expect(folder.files == ["run/status-failing-since"])
  }

  @Test(
    "what cannot be noted cannot be limited, and must not lock the node out",
    arguments: [
      ("/nonexistent/run", "mkdir(/nonexistent/run) = ENOENT (2)"),
      (nil, "write(status-failing-since) = ENOENT (2)"),
      ("/proc/self/task", "open(/proc/self/task/status-failing-since) = "),
    ] as [(String?, String)])
  func unlimited(folder: String?, reason: String) throws {
    let outcome = Self.run("STATUS", try TemporaryFolder(), ["cni_agent_run_dir": folder.map { .string($0) } ?? .null])
    #expect(outcome.exitStatus == 0)
    let log = try Self.log(outcome)
    #expect(log["level"] == "warn")
    let warning = try #require(log["warning"]?.string)
    #expect(
      warning.hasPrefix(
        folder == nil
          ? #"cannot redirect pods: "cni_agent_run_dir" is not configured (it names the folder where the agent "#
            + "leaves the kubeconfig); "
          : Self.noKubeconfig))
    #expect(warning.contains("; not reported, since it could not be limited: \(reason)"), "\(warning)")
  }

  @Test("a binary that misreads its own rules is to be installed again")
  func misread() {
    let failure = Failure(misread: ["missing: chain nat-output", "extra: set x"])
    #expect(failure.code == .notAvailable)
    #expect(failure.message == "cannot redirect pods: the plugin misreads the rules that it writes")
    #expect(
      failure.details
        == "missing: chain nat-output; extra: set x; the binary is damaged: install it again")
  }
}
