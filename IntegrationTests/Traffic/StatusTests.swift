import CNI
import Harness
import JSON
import System
import SystemPackage
import Testing

/// STATUS of the binary on nodes that lack something.
@Suite(.requires(.namespaces), .requires(.iptables), .tags(.root), .timeLimit(.minutes(10)))
struct StatusTests {
  static let note = "\(MeshNode.runDirectory)/status-failing-since"

  static func writeKubeconfig(_ mesh: MeshNode, server: String = "https://10.96.0.1:443", token: String) throws {
    try mesh.node.write(
      kubeconfigText(server: server, certificateAuthorityPEM: nil, token: token),
      to: "\(MeshNode.runDirectory)/istio-cni-kubeconfig", mode: 0o644)
  }

  @Test(
    "on a healthy node STATUS succeeds in silence, changes nothing and sends nothing",
    arguments: [[:], ["redirect_backend": "nftables"], ["redirect_backend": "iptables"]] as [JSONObject])
  func healthy(keys: JSONObject) throws {
    let mesh = try PluginProcessTests.mesh()
    let (state, files) = (try VerbTests.state(of: mesh.node.network), try mesh.runDirectoryListing())
    for changes in [[:], ["CNI_PATH": ""], ["CNI_CONTAINERID": "../x", "CNI_NETNS": "/x", "CNI_IFNAME": "a/b"]] {
      let answer = try mesh.call(.STATUS, keys: keys, environment: changes)
      #expect(answer.isSilentSuccess, "\(answer.log)")
      #expect(answer.log["decision"] == "available")
      #expect(answer.log["level"] == "info")
    }
    #expect(try VerbTests.state(of: mesh.node.network) == state)
    #expect(try mesh.runDirectoryListing() == files)
    #expect(mesh.apiServer.requestCount == 0)
  }

  @Test("a control plane that is away is not the node's trouble")
  func controlPlaneAway() throws {
    let mesh = try PluginProcessTests.mesh()
    mesh.apiServer.setBehaviour(.status(503))
    #expect(try mesh.call(.STATUS).isSilentSuccess)
    try Self.writeKubeconfig(mesh, server: "https://10.96.0.1:1", token: MeshNode.token)
    #expect(try mesh.call(.STATUS).isSilentSuccess)
  }

  @Test("a failing STATUS is no gate, and recovers at once")
  func recovers() throws {
    let mesh = try PluginProcessTests.mesh()
    let sandbox = try PluginProcessTests.sandbox(on: mesh)
    let path = "\(MeshNode.runDirectory)/istio-cni-kubeconfig"
    try mesh.run("/bin/mv", path, "\(path).away")
    let failure = try mesh.call(.STATUS).failure()
    #expect(failure.code == 50)
    #expect(failure.message == "cannot redirect pods: there is no usable kubeconfig")
    #expect(try mesh.has(Self.note))
    let excluded = try mesh.call(
      .ADD, sandbox, environment: ["CNI_ARGS": "K8S_POD_NAMESPACE=kube-system;K8S_POD_NAME=x"])
    #expect(excluded.status == .exited(0))
    #expect(try mesh.call(.DEL, sandbox).isSilentSuccess)
    try mesh.run("/bin/mv", "\(path).away", path)
    #expect(try mesh.call(.STATUS).isSilentSuccess)
    #expect(try !mesh.has(Self.note))
  }

  @Test("an expired token is told, one that lasts is not")
  func expired() throws {
    let mesh = try PluginProcessTests.mesh()
    try Self.writeKubeconfig(mesh, token: serviceAccountToken(expiry: timeSinceEpoch() - .seconds(5)))
    let failure = try mesh.call(.STATUS).failure()
    #expect(failure.code == 50)
    #expect(failure.message == "cannot redirect pods: there is no usable token for the API server")
    try Self.writeKubeconfig(mesh, token: serviceAccountToken(expiry: timeSinceEpoch() + .seconds(3600)))
    #expect(try mesh.call(.STATUS).isSilentSuccess)
  }

  @Test("a node without a route to the API server says so", arguments: ["192.0.2.1:443", "[2001:db8::1]:6443"])
  func noRoute(server: String) throws {
    let mesh = try PluginProcessTests.mesh()
    try Self.writeKubeconfig(mesh, server: "https://\(server)", token: MeshNode.token)
    let failure = try mesh.call(.STATUS).failure()
    #expect(failure.code == 50)
    #expect(failure.message == "cannot redirect pods: there is no route to the API server")
    #expect(failure.details.contains("ENETUNREACH (101)"), "\(failure.details)")
  }

  @Test(
    "missing programs are told where there is no other back end",
    arguments: [("iptables", false), ("auto", true)])
  func noPrograms(backend: String, isAvailable: Bool) throws {
    let mesh = try PluginProcessTests.mesh(["redirect_backend": .string(backend)])
    try mesh.node.run { () throws(SystemError) in try mountTemporaryFileSystem(at: "/usr/sbin") }
    let answer = try mesh.call(.STATUS)
    guard !isAvailable else { return #expect(answer.isSilentSuccess) }
    let failure = try answer.failure()
    #expect(failure.code == 50)
    #expect(failure.message == "cannot redirect pods: iptables is missing")
    #expect(failure.details.hasPrefix("no iptables-save and iptables-restore in /usr/sbin:"))
    #expect(failure.details.hasSuffix("; install iptables on the node"))
  }

  /// Runs STATUS as a user whom the kernel answers nothing about nf_tables.
  static func unprivileged(_ mesh: MeshNode, backend: String) throws -> ChildOutcome {
    let plugin = "\(try executableFolder())/istio-cni"
    let folder = MeshNode.runDirectory
    let configuration: JSONObject = [
      "cniVersion": "1.1.0", "name": "mesh", "type": "istio-cni", "cni_agent_run_dir": .string(folder),
      "redirect_backend": .string(backend),
    ]
    let input = JSONValue.object(configuration).serialized()
    return try mesh.node.run { () throws(SystemError) in
      try becomeOnThisThread(user: 65534, group: 65534)
      return try runChild(
        plugin, arguments: [], environment: ["CNI_COMMAND": "STATUS"], standardInput: input, timeLimit: .seconds(30))
    }
  }

  @Test("a kernel that does not answer for nf_tables is told, unless iptables will do")
  func noNftables() throws {
    let mesh = try PluginProcessTests.mesh()
    try Self.writeKubeconfig(mesh, token: MeshNode.token)
    try mesh.run("/bin/chmod", "0777", MeshNode.runDirectory)
    let failure = try JSONValue(parsing: Self.unprivileged(mesh, backend: "nftables").standardOutput)
    #expect(failure["code"] == 50)
    #expect(failure["msg"] == "cannot redirect pods: the kernel does not answer for nf_tables")
    #expect(
      failure["details"]?.string?.hasSuffix(
        #" = EPERM (1); load the kernel's module nf_tables, or allow iptables with "redirect_backend""#) == true,
      "\(failure)")
    #expect(try Self.unprivileged(mesh, backend: "auto").status == .exited(0))

    try mesh.node.run { () throws(SystemError) in try mountTemporaryFileSystem(at: "/usr/sbin") }
    let both = try JSONValue(parsing: Self.unprivileged(mesh, backend: "auto").standardOutput)
    #expect(both["msg"] == "cannot redirect pods: iptables is missing")
    #expect(
      both["details"]?.string?.contains(", and the kernel does not answer for nf_tables: get table istio-cni = EPERM")
        == true, "\(both)")
  }

  @Test("a failure that is older than 4 minutes is only logged", .enabled(if: timeSinceBoot() > .seconds(300)))
  func old() throws {
    let mesh = try PluginProcessTests.mesh()
    try mesh.run("/bin/rm", "\(MeshNode.runDirectory)/istio-cni-kubeconfig")
    let now = timeSinceBoot().components.seconds
    try mesh.node.write("\(now - 120)\n", to: Self.note)
    #expect(try mesh.call(.STATUS).status == .exited(1))
    try mesh.node.write("\(now - 300)\n", to: Self.note)
    let answer = try mesh.call(.STATUS)
    #expect(answer.isSilentSuccess)
    #expect(answer.log["level"] == "warn")
    #expect(answer.log["warning"]?.string?.hasPrefix("cannot redirect pods: there is no usable kubeconfig") == true)
  }

  @Test("a folder that cannot be written to must not lock the node out")
  func readOnly() throws {
    let mesh = try PluginProcessTests.mesh()
    let folder = MeshNode.runDirectory
    try mesh.run("/bin/rm", "\(folder)/istio-cni-kubeconfig")
    try mesh.run("/usr/bin/mount", "--bind", folder, folder)
    try mesh.run("/usr/bin/mount", "-o", "remount,bind,ro", folder)
    let answer = try mesh.call(.STATUS)
    #expect(answer.isSilentSuccess)
    #expect(answer.log["level"] == "warn")
    #expect(
      answer.log["warning"]?.string?.hasSuffix(
        "not reported, since it could not be limited: open(\(Self.note)) = EROFS (30)") == true)
  }
}
