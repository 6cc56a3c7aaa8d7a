import CNI
import Harness
import JSON
import System
import Testing

/// DEL, GC, several attachments of a pod, and what ADD records, with the binary in real namespaces.
@Suite(.requires(.namespaces), .requires(.iptables), .tags(.root), .timeLimit(.minutes(10)))
struct VerbTests {
  struct Setting: Sendable, CustomStringConvertible {
    let mode: String
    let backend: String
    let capturesDNS: Bool
    var description: String { "\(mode) by \(backend)\(capturesDNS ? " with DNS" : "")" }
    var keys: JSONObject { ["redirect_backend": .string(backend)] }

    static let all = ["REDIRECT", "TPROXY"].flatMap { mode in
      ["nftables", "iptables"].flatMap { backend in
        [false, true].map { Setting(mode: mode, backend: backend, capturesDNS: $0) }
      }
    }
    static let transparent = Setting(mode: "TPROXY", backend: "nftables", capturesDNS: false)
  }

  /// A meshed pod with lists of every kind.
  static func pod(_ setting: Setting = .transparent) throws -> JSONValue {
    let pod = PodTemplate.pod(
      .classicSidecar, name: "cart", uid: "7f3c",
      annotations: [
        "sidecar.istio.io/interceptionMode": .string(setting.mode),
        "traffic.sidecar.istio.io/excludeOutboundPorts": "15020,5432",
        "traffic.sidecar.istio.io/excludeOutboundIPRanges": "198.51.100.0/24,2001:db8::/48",
      ])
    return setting.capturesDNS ? try withProxyVariable("ISTIO_META_DNS_CAPTURE", "true", pod) : pod
  }

  static func withProxyVariable(_ name: String, _ value: String, _ pod: JSONValue) throws -> JSONValue {
    var object = try #require(pod.object)
    var spec = try #require(object["spec"]?.object)
    spec["containers"] = .array(
      try #require(spec["containers"]?.array).map { container in
        guard container["name"] == "istio-proxy", var proxy = container.object else { return container }
        proxy["env"] = [["name": .string(name), "value": .string(value)]]
        return .object(proxy)
      })
    object["spec"] = .object(spec)
    return .object(object)
  }

  /// A node with a pod that was redirected.
  static func redirected(_ setting: Setting = .transparent, number: Int = 1) throws -> (MeshNode, Sandbox) {
    let mesh = try PluginProcessTests.mesh(setting.keys)
    let sandbox = try PluginProcessTests.sandbox(of: try pod(setting), on: mesh, number: number)
    let answer = try mesh.call(.ADD, sandbox)
    try #require(answer.status == .exited(0), "\(answer.log)")
    return (mesh, sandbox)
  }

  /// Everything in a namespace that could tell of a change.
  static func state(of pod: borrowing NetworkNamespace) throws -> [String] {
    var views = [try pod.nft("-a", "list", "ruleset")]
    for view in [["-4", "rule"], ["-6", "rule"], ["-4", "route", "show", "table", "all"], ["address"]] {
      views.append(try pod.run("/usr/sbin/ip", view))
    }
    return views
  }

  // MARK: Several attachments

  @Test("one redirect serves all attachments of a container, and goes with the last of them")
  func severalAttachments() throws {
    let mesh = try PluginProcessTests.mesh(["dns_capture": "servers"])
    let pod = try Self.pod(Setting(mode: "TPROXY", backend: "nftables", capturesDNS: true))
    let sandbox = try PluginProcessTests.sandbox(of: pod, on: mesh)
    let attachments = [("eth0", "mesh", "10.96.0.10"), ("net1", "mesh", "10.96.0.11"), ("eth0", "more", "10.96.0.12")]
    for (interface, network, server) in attachments {
      let answer = try mesh.call(
        .ADD, sandbox, interface: interface, network: network,
        keys: ["prevResult": ["cniVersion": "1.1.0", "dns": ["nameservers": [.string(server)]]]])
      try #require(answer.status == .exited(0))
    }
    let rules = try Self.state(of: sandbox.network)
    for (index, (interface, network, _)) in attachments.enumerated().reversed() {
      for (interface, network, _) in attachments[...index] {
        let answer = try mesh.call(.CHECK, sandbox, interface: interface, network: network)
        #expect(answer.isSilentSuccess, "\(answer.log)")
      }
      #expect(try Self.state(of: sandbox.network) == rules)
      let answer = try mesh.call(.DEL, sandbox, interface: interface, network: network)
      #expect(answer.isSilentSuccess)
      #expect(answer.log["decision"]?.string == (index == 0 ? "remove" : "keep"))
      #expect(try !mesh.has(mesh.recordPath(sandbox, interface: interface, network: network)))
    }
    #expect(try sandbox.network.nft("list", "ruleset") == "")
  }

  // MARK: DEL

  @Test(
    "DEL removes rules and record, whatever is lost or broken by then",
    arguments: [[:], ["prevResult": nil], ["exclude_namespaces": 5], ["redirect_backend": "ipfw"]] as [JSONObject])
  func delete(keys: JSONObject) throws {
    let (mesh, sandbox) = try Self.redirected()
    for _ in 0..<2 {
      #expect(try mesh.call(.DEL, sandbox, keys: keys).isSilentSuccess)
      #expect(try sandbox.network.nft("list", "ruleset") == "")
      #expect(try !mesh.has(mesh.recordPath(sandbox)))
    }
    #expect(try mesh.call(.CHECK, sandbox).log["decision"] == "skip")
  }

  @Test("DEL without the agent's folder in its configuration removes the rules")
  func deleteUnconfigured() throws {
    let (mesh, sandbox) = try Self.redirected()
    #expect(try mesh.call(.DEL, sandbox, keys: ["cni_agent_run_dir": nil]).isSilentSuccess)
    #expect(try sandbox.network.nft("list", "ruleset") == "")
  }

  @Test("DEL of a pod whose namespace is closed removes the record")
  func deleteClosed() throws {
    let (mesh, sandbox) = try Self.redirected()
    #expect(try mesh.call(.DEL, sandbox, keys: ["prevResult": nil], environment: ["CNI_NETNS": ""]).isSilentSuccess)
    #expect(try !mesh.has(mesh.recordPath(sandbox)))
  }

  // MARK: GC

  @Test("GC removes records that no attachment needs, and touches no namespace")
  func collect() throws {
    let (mesh, sandbox) = try Self.redirected()
    let other = try PluginProcessTests.sandbox(of: try Self.pod(), on: mesh, number: 2)
    for network in ["mesh", "more"] {
      #expect(try mesh.call(.ADD, other, network: network).status == .exited(0))
    }
    try mesh.node.write("", to: "\(MeshNode.runDirectory)/attachments/mesh/eth0/not a container")
    let valid: JSONObject = [
      "cni.dev/valid-attachments": [["containerID": .string(sandbox.containerID), "ifname": "eth0"]]
    ]
    let states = try [sandbox, other].map { try Self.state(of: $0.network) }
    for _ in 0..<2 {
      #expect(try mesh.call(.GC, keys: valid).isSilentSuccess)
      #expect(try mesh.has(mesh.recordPath(sandbox)))
      #expect(try !mesh.has(mesh.recordPath(other)))
      #expect(try mesh.has(mesh.recordPath(other, network: "more")))
      #expect(try mesh.has("\(MeshNode.runDirectory)/attachments/mesh/eth0/not a container"))
      #expect(try [sandbox, other].map { try Self.state(of: $0.network) } == states)
    }
    #expect(try mesh.call(.CHECK, sandbox).log["decision"] == "intact")
    // What GC took for gone still can be deleted.
    #expect(try mesh.call(.DEL, other, network: "more").isSilentSuccess)
    #expect(try other.network.nft("list", "ruleset") == "")
  }

  @Test("GC goes on after an error, and reports the first")
  func collectFails() throws {
    let (mesh, sandbox) = try Self.redirected()
    let other = try PluginProcessTests.sandbox(of: try Self.pod(), on: mesh, number: 2)
    #expect(try mesh.call(.ADD, other).status == .exited(0))
    let path = mesh.recordPath(sandbox)
    // The kernel does not remove what something is mounted on.
    try mesh.run("/usr/bin/mount", "--bind", "/dev/null", path)
    let failure = try mesh.call(.GC, keys: ["cni.dev/valid-attachments": []]).failure()
    #expect(failure.code == 5)
    #expect(failure.message == "cannot remove all records of attachments that are gone: 1 failed")
    #expect(failure.details == "unlink(\(path)) = EBUSY (16); 1 removed; a later GC tries again")
    #expect(try !mesh.has(mesh.recordPath(other)))
  }

  // MARK: ADD that cannot record

  @Test(
    "ADD of a meshed pod that cannot be recorded fails, and leaves neither rule nor record",
    arguments: [("read-only", "EROFS (30)"), ("full", "ENOSPC (28)")])
  func unrecordable(obstacle: String, errno: String) throws {
    let mesh = try PluginProcessTests.mesh()
    let sandbox = try PluginProcessTests.sandbox(of: try Self.pod(), on: mesh)
    let folder = MeshNode.runDirectory
    if obstacle == "full" {
      let kubeconfig = try mesh.run("/bin/cat", "\(folder)/istio-cni-kubeconfig")
      try mesh.run("/usr/bin/mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
      try mesh.node.write(kubeconfig, to: "\(folder)/istio-cni-kubeconfig")
      // It says that it is full.
      _ = try mesh.node.runProgram("/bin/dd", ["if=/dev/zero", "of=\(folder)/filler", "bs=4k"])
    } else {
      try mesh.run("/usr/bin/mount", "--bind", folder, folder)
      try mesh.run("/usr/bin/mount", "-o", "remount,bind,ro", folder)
    }
    let failure = try mesh.call(.ADD, sandbox).failure()
    #expect(failure.code == 5)
    #expect(failure.message == "cannot record the attachment of shop/cart")
    #expect(failure.details.contains("\(errno); the pod was not started, since CHECK and DEL could not tell"))
    #expect(failure.details.contains("/attachments"))
    #expect(
      failure.details.hasSuffix("check that cni_agent_run_dir is a folder that can be written to and has free space"))
    #expect(try sandbox.network.nft("list", "ruleset") == "")
    #expect(try !mesh.has(mesh.recordPath(sandbox)))
    #expect(try mesh.call(.DEL, sandbox).isSilentSuccess)
  }

  @Test("DEL says that it cannot remove a record, after it has removed everything else")
  func keepsRecord() throws {
    let (mesh, sandbox) = try Self.redirected()
    try mesh.run("/usr/bin/mount", "--bind", MeshNode.runDirectory, MeshNode.runDirectory)
    try mesh.run("/usr/bin/mount", "-o", "remount,bind,ro", MeshNode.runDirectory)
    let failure = try mesh.call(.DEL, sandbox).failure()
    #expect(failure.code == 5)
    #expect(failure.message == "cannot remove the record of container \(sandbox.containerID.prefix(40))")
    #expect(failure.details.contains("EROFS (30); all else that DEL is for was done; a retry helps once"))
    #expect(try sandbox.network.nft("list", "ruleset") == "")
    try mesh.run("/usr/bin/mount", "-o", "remount,bind,rw", MeshNode.runDirectory)
    #expect(try mesh.call(.DEL, sandbox).isSilentSuccess)
    #expect(try !mesh.has(mesh.recordPath(sandbox)))
  }

  @Test("a record does not outlive rules that could not be applied")
  func refused() throws {
    let mesh = try PluginProcessTests.mesh()
    let sandbox = try PluginProcessTests.sandbox(of: try Self.pod(), on: mesh)
    try sandbox.network.setSysctl("net/ipv6/conf/all/disable_ipv6", "1")
    let failure = try mesh.call(
      .ADD, sandbox, keys: ["prevResult": ["cniVersion": "1.1.0", "ips": [["address": "fd00:88::5/64"]]]]
    ).failure()
    #expect(failure.code == 103)
    #expect(try !mesh.has(mesh.recordPath(sandbox)))
  }
}
