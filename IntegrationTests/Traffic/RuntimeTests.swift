import CNI
import Harness
import JSON
import System
import Testing

/// The sequences that real runtimes show, as a plugin at the end of a chain sees them.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct RuntimeTests {
  /// A node of a mesh whose chain starts and ends with plugins that write down what they see.
  struct Stage {
    let mesh: MeshNode
    let recorder: RecordingPlugin
    var runtime: CNIRuntime

    /// bridge and host-local, ours, and one that records.
    init(flavour: CNIRuntime.Flavour = .containerd) throws {
      try self.init(flavour) { NetworkList(name: $0.name, version: $0.version, plugins: $0.plugins + [Self.last]) }
    }

    /// Ours between two that record: the reference plugins do not speak 1.1.0 on every machine.
    init(version: String, disablesCheck: Bool = false, disablesGC: Bool = false) throws {
      try self.init(.containerd) { list in
        NetworkList(
          name: "mesh", version: version, plugins: [["type": "first"]] + list.plugins.suffix(1) + [Self.last],
          disablesCheck: disablesCheck, disablesGC: disablesGC)
      }
    }

    static let last: JSONObject = [
      "type": "last", "capabilities": ["io.kubernetes.cri.pod-annotations": true, "portMappings": true],
    ]

    private init(_ flavour: CNIRuntime.Flavour, _ list: (NetworkList) -> NetworkList) throws {
      mesh = try PluginProcessTests.mesh()
      recorder = try RecordingPlugin(names: ["first", "last"], on: mesh.node)
      runtime = CNIRuntime(
        node: mesh.node, list: list(mesh.runtime.list),
        pluginFolders: mesh.runtime.pluginFolders + [RecordingPlugin.folder], flavour: flavour)
    }

    func sandbox(_ number: Int = 1) throws -> Sandbox {
      try PluginProcessTests.sandbox(on: mesh, number: number)
    }

    /// Who was asked for what, in order.
    func titles() throws -> [String] { try recorder.calls().map(\.title) }

    var leases: String {
      get throws { try mesh.node.run("/bin/sh", ["-c", "cd /run/cni/networks/mesh && ls -d 1* f*"]) }
    }
  }

  @Test(
    "a pod starts: ADD with the result of the plugin before, and nothing in the environment beside CNI's and two more")
  func start() throws {
    let stage = try Stage()
    let sandbox = try stage.sandbox()
    let result = try stage.runtime.setUp(sandbox)
    let call = try #require(try stage.recorder.calls().first)
    #expect(call.title == "ADD last")
    #expect(call.input["prevResult"] == .object(result))
    #expect(call.input["name"] == "mesh")
    #expect(call.input["cniVersion"] == "1.0.0")
    var environment = call.environment
    let arguments = environment.removeValue(forKey: "CNI_ARGS")
    #expect(
      environment == [
        "CNI_COMMAND": "ADD", "CNI_CONTAINERID": sandbox.containerID, "CNI_NETNS": sandbox.path, "CNI_IFNAME": "eth0",
        "CNI_PATH": stage.runtime.pluginFolders.joined(separator: ":"), "HOME": "/root",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
      ])
    #expect(
      Set(try #require(arguments).split(separator: ";")) == [
        "IgnoreUnknown=1", "K8S_POD_NAMESPACE=shop", "K8S_POD_NAME=cart", "K8S_POD_UID=7f3c",
        "K8S_POD_INFRA_CONTAINER_ID=\(sandbox.containerID)",
      ])
  }

  @Test("the order of the arguments differs from call to call")
  func argumentOrder() throws {
    var stage = try Stage()
    stage.runtime.list = NetworkList(name: "mesh", version: "1.0.0", plugins: [Stage.last])
    let sandbox = try stage.sandbox()
    // Of 120 orders, twelve calls show the same one in one case out of 120^11.
    for _ in 0..<12 { _ = try stage.runtime.add(sandbox) }
    #expect(Set(try stage.recorder.calls().map { $0.environment["CNI_ARGS"] }).count > 1)
  }

  @Test("a plugin that declares the capability gets the pod's annotations, and nothing that it did not ask for")
  func annotations() throws {
    let stage = try Stage()
    let sandbox = try Sandbox(
      PodIdentity(namespace: "kube-system", name: "dns", uid: "1"), number: 1, on: stage.mesh.node,
      capabilityValues: ["io.kubernetes.cri.pod-annotations": ["a": "b"], "dns": ["Servers": ["10.96.0.10"]]])
    _ = try stage.runtime.setUp(sandbox)
    try stage.runtime.stop(sandbox)
    for call in try stage.recorder.calls() {
      #expect(call.input["runtimeConfig"] == ["io.kubernetes.cri.pod-annotations": ["a": "b"]])
      #expect(call.input["capabilities"] == Stage.last["capabilities"])
    }
  }

  @Test(
    "a pod stops and is removed: DEL with namespace and result, and DEL without either",
    arguments: [.current, .cached] as [CNIRuntime.ConfigurationAge])
  func stop(age: CNIRuntime.ConfigurationAge) throws {
    let stage = try Stage()
    let sandbox = try stage.sandbox()
    let result = try stage.runtime.setUp(sandbox)
    try stage.runtime.stop(sandbox, with: age)
    #expect(try sandbox.network.nft("list", "ruleset") == "")
    try sandbox.remove()
    try stage.runtime.remove(sandbox, with: age)
    let calls = try stage.recorder.calls()
    #expect(calls.map(\.title) == ["ADD last", "DEL last", "DEL last"])
    #expect(calls.map { $0.environment["CNI_NETNS"] } == [sandbox.path, sandbox.path, ""])
    #expect(calls.map { $0.input["prevResult"] } == [.object(result), .object(result), nil])
    #expect(try stage.leases == "")
  }

  @Test("an ADD that fails: DEL for the whole chain without a result, also where no ADD came; a second try works")
  func failedStart() throws {
    let stage = try Stage()
    stage.mesh.apiServer.setBehaviour(.status(403))
    let sandbox = try stage.sandbox()
    let error = #expect(throws: RuntimeError.self) { try stage.runtime.setUp(sandbox) }
    #expect(error?.failure?["msg"] == "cannot read pod shop/cart from the API server")
    let call = try #require(try stage.recorder.calls().first)
    #expect(try stage.titles() == ["DEL last"])
    #expect(call.input["prevResult"] == nil)
    #expect(call.environment["CNI_NETNS"] == sandbox.path)
    #expect(try stage.leases == "")
    try sandbox.remove()
    try stage.runtime.remove(sandbox)

    stage.mesh.apiServer.setBehaviour(.normal)
    let next = try stage.sandbox(2)
    _ = try stage.runtime.setUp(next)
    #expect(try next.network.nft("list", "ruleset").contains("table inet istio-cni"))
    #expect(try stage.titles() == ["DEL last", "DEL last", "ADD last"])
  }

  @Test("an ADD that fails after ours: our rules are taken out again")
  func failedAfterUs() throws {
    let stage = try Stage()
    try stage.recorder.setFailing(true, "ADD", of: "last")
    let sandbox = try stage.sandbox()
    let error = #expect(throws: RuntimeError.self) { try stage.runtime.setUp(sandbox) }
    #expect(error?.object == "last")
    #expect(try sandbox.network.nft("list", "ruleset") == "")
    #expect(try stage.leases == "")
  }

  @Test("a sandbox whose process was killed: DEL, then ADD for the same pod in another one")
  func restart() throws {
    let stage = try Stage()
    let first = try stage.sandbox(1)
    _ = try stage.runtime.setUp(first)
    try stage.runtime.stop(first)
    try first.remove()
    let second = try stage.sandbox(2)
    _ = try stage.runtime.setUp(second)
    try stage.runtime.remove(first)
    #expect(try second.network.nft("list", "ruleset").contains("table inet istio-cni"))
    let calls = try stage.recorder.calls()
    #expect(calls.map(\.title) == ["ADD last", "DEL last", "ADD last", "DEL last"])
    #expect(
      calls.map { $0.environment["CNI_CONTAINERID"] }
        == [first, first, second, first].map(\.containerID))
  }

  @Test("podman knows no namespace of a pod, and probes with dummies")
  func podman() throws {
    let stage = try Stage(flavour: .podman)
    #expect(try stage.runtime.validate() == ["io.kubernetes.cri.pod-annotations", "portMappings"])
    let probe = try #require(try stage.recorder.calls().first)
    #expect(probe.input == ["cniVersion": "1.1.0"])
    #expect(probe.environment["CNI_ARGS"] == "" && probe.environment["CNI_CONTAINERID"] == "")
    for variable in ["CNI_NETNS", "CNI_IFNAME", "CNI_PATH"] { #expect(probe.environment[variable] == "dummy") }

    let sandbox = try stage.sandbox()
    _ = try stage.runtime.setUp(sandbox)
    #expect(try stage.recorder.calls().last?.environment["CNI_ARGS"] == "IgnoreUnknown=1;K8S_POD_NAME=cart")
    #expect(try sandbox.network.nft("list", "ruleset") == "")
  }

  @Test("STATUS asks every plugin, with empty variables and no result, up to the first that fails")
  func status() throws {
    let stage = try Stage(version: "1.1.0")
    try stage.runtime.status()
    try stage.recorder.setFailing(true, "STATUS", of: "first")
    let error = #expect(throws: RuntimeError.self) { try stage.runtime.status() }
    #expect(error?.failure?["code"] == 50)
    try stage.recorder.setFailing(false, "STATUS", of: "first")
    try stage.runtime.status()
    let calls = try stage.recorder.calls()
    #expect(
      calls.map(\.title) == ["STATUS first", "STATUS last", "STATUS first", "STATUS first", "STATUS last"])
    for call in calls {
      #expect(call.input["prevResult"] == nil)
      for variable in ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"] { #expect(call.environment[variable] == "") }
    }
  }

  @Test("a list below 1.1.0 is never asked for STATUS or GC")
  func older() throws {
    let stage = try Stage(version: "1.0.0")
    try stage.runtime.status()
    #expect(stage.runtime.collectGarbage(valid: []).isEmpty)
    #expect(try stage.titles() == [])
  }

  @Test("GC with nothing said: DEL for all that is known, then GC; a later DEL has no result")
  func collectsAll() throws {
    let stage = try Stage(version: "1.1.0")
    let sandbox = try stage.sandbox()
    let result = try stage.runtime.setUp(sandbox)
    #expect(stage.runtime.collectGarbage(valid: nil).isEmpty)
    try stage.runtime.stop(sandbox)
    let calls = try stage.recorder.calls()
    #expect(
      calls.map(\.title) == [
        "ADD first", "ADD last", "DEL last", "DEL first", "GC first", "GC last", "DEL last", "DEL first",
      ])
    #expect(calls[2].input["prevResult"] == .object(result))
    #expect(calls[5].input.keys.allSatisfy { !$0.hasPrefix("cni.dev/") })
    #expect(calls[5].environment["CNI_CONTAINERID"] == "")
    #expect(calls[7].input["prevResult"] == nil)
  }

  @Test("GC with the valid ones: they stay, the others get a DEL, and every plugin is told whatever fails")
  func collectsSome() throws {
    let stage = try Stage(version: "1.1.0")
    let sandboxes = try [1, 2].map { try stage.sandbox($0) }
    for sandbox in sandboxes { _ = try stage.runtime.setUp(sandbox) }
    try stage.recorder.setFailing(true, "GC", of: "first")
    let valid = CNI.Attachment(containerID: sandboxes[0].containerID, interfaceName: "eth0")
    let errors = stage.runtime.collectGarbage(valid: [valid])
    #expect(errors.map(\.object) == ["first"])
    let calls = try stage.recorder.calls().suffix(4)
    #expect(calls.map(\.title) == ["DEL last", "DEL first", "GC first", "GC last"])
    #expect(calls.first?.environment["CNI_CONTAINERID"] == sandboxes[1].containerID)
    let listed: JSONValue = [["containerID": .string(sandboxes[0].containerID), "ifname": "eth0"]]
    for key in ["cni.dev/valid-attachments", "cni.dev/attachments"] { #expect(calls.last?.input[key] == listed) }
    #expect(try sandboxes[0].network.nft("list", "ruleset").contains("table inet istio-cni"))
    #expect(try sandboxes[1].network.nft("list", "ruleset") == "")
  }

  @Test("a list that disables GC and CHECK sees neither, nor any DEL in their course")
  func disabled() throws {
    let stage = try Stage(version: "1.1.0", disablesCheck: true, disablesGC: true)
    let sandbox = try stage.sandbox()
    _ = try stage.runtime.setUp(sandbox)
    #expect(stage.runtime.collectGarbage(valid: []).isEmpty)
    try stage.runtime.check(sandbox)
    #expect(try stage.titles() == ["ADD first", "ADD last"])
  }

  @Test("CHECK passes what the whole chain made to every plugin, up to the first that fails")
  func check() throws {
    let stage = try Stage(version: "1.1.0")
    let sandbox = try stage.sandbox()
    let result = try stage.runtime.setUp(sandbox)
    try stage.runtime.check(sandbox)
    try stage.recorder.setFailing(true, "CHECK", of: "first")
    #expect(throws: RuntimeError.self) { try stage.runtime.check(sandbox) }
    let calls = try stage.recorder.calls().dropFirst(2)
    #expect(calls.map(\.title) == ["CHECK first", "CHECK last", "CHECK first"])
    for call in calls { #expect(call.input["prevResult"] == .object(result)) }
  }

  @Test("CHECK is not run without the result of ADD, nor below 0.4.0")
  func noCheck() throws {
    var stage = try Stage(version: "1.1.0")
    let sandbox = try stage.sandbox()
    let unknown = #expect(throws: RuntimeError.self) { try stage.runtime.check(sandbox) }
    #expect(unknown?.description == "CHECK of mesh: the result of ADD is not known")
    stage.runtime.list = NetworkList(name: "mesh", version: "0.3.1", plugins: [Stage.last])
    let old = #expect(throws: RuntimeError.self) { try stage.runtime.check(sandbox) }
    #expect(old?.description == "CHECK of mesh: version 0.3.1 does not have it")
    #expect(try stage.titles() == [])
  }

  @Test("DEL stops at the first failure: what the plugins before made stays, and the result stays known")
  func failedStop() throws {
    let stage = try Stage()
    let sandbox = try stage.sandbox()
    let result = try stage.runtime.setUp(sandbox)
    try stage.recorder.setFailing(true, "DEL", of: "last")
    #expect(throws: RuntimeError.self) { try stage.runtime.stop(sandbox) }
    #expect(try sandbox.network.nft("list", "ruleset").contains("table inet istio-cni"))
    #expect(try stage.leases != "")
    try stage.recorder.setFailing(false, "DEL", of: "last")
    try stage.runtime.stop(sandbox)
    #expect(try stage.recorder.calls().last?.input["prevResult"] == .object(result))
    #expect(try stage.leases == "")
  }

  @Test("the list on disk changes while a pod runs: its DEL comes with the old configuration or with the new one")
  func changedList() throws {
    var stage = try Stage()
    let folder = "/run/cni/net.d"
    let write = { [node = stage.mesh.node] (version: String, value: String) throws in
      try node.write(
        #"""
        {"cniVersion": "\#(version)", "name": "mesh", "disableCheck": "false", "loadOnlyInlinedPlugins": false,
         "plugins": [{"type": "first", "value": "\#(value)"}]}
        """#, to: "\(folder)/10-mesh.conflist")
      try node.write(#"{"type": "last", "value": "\#(value)"}"#, to: "\(folder)/mesh/10-last.conf")
      return try node.run { () throws(SystemError) in try ConfigurationFolder(reading: folder) }.list()
    }
    stage.runtime.list = try write("1.1.0", "old")
    let sandboxes = try [1, 2].map { try stage.sandbox($0) }
    for sandbox in sandboxes { _ = try stage.runtime.setUp(sandbox) }
    stage.runtime.list = try write("0.4.0", "new")
    try stage.runtime.stop(sandboxes[0], with: .cached)
    try stage.runtime.stop(sandboxes[1], with: .current)
    try stage.runtime.remove(sandboxes[0], with: .cached)
    let calls = try stage.recorder.calls().dropFirst(4)
    #expect(
      calls.map { "\($0.title) \($0.input["value"]?.string ?? "") \($0.input["cniVersion"]?.string ?? "")" } == [
        "DEL last old 1.1.0", "DEL first old 1.1.0", "DEL last new 0.4.0", "DEL first new 0.4.0",
        "DEL last new 0.4.0", "DEL first new 0.4.0",
      ])
    #expect(
      calls.map { $0.input["prevResult"]?["cniVersion"]?.string } == ["1.1.0", "1.1.0", "0.4.0", "0.4.0", nil, nil])
  }

  @Test("a runtime that has lost its memory passes no result")
  func lostCache() throws {
    let stage = try Stage()
    let sandbox = try stage.sandbox()
    _ = try stage.runtime.setUp(sandbox)
    stage.runtime.cache.removeAll()
    try stage.runtime.stop(sandbox, with: .cached)
    #expect(try stage.recorder.calls().last?.input["prevResult"] == nil)
    #expect(try stage.leases == "")
  }

  @Test("a list whose version a plugin does not speak, and a plugin that is not there, are found out beforehand")
  func validation() throws {
    var stage = try Stage()
    stage.runtime.list = NetworkList(name: "mesh", version: "0.1.0", plugins: [Stage.last])
    let version = #expect(throws: RuntimeError.self) { try stage.runtime.validate() }
    #expect(version?.description == "VERSION of last: it does not speak 0.1.0")
    stage.runtime.list = NetworkList(name: "mesh", version: "1.0.0", plugins: [["type": "none"]])
    let missing = #expect(throws: RuntimeError.self) { try stage.runtime.validate() }
    #expect(
      missing?.description
        == "VERSION of none: find(plugin none in \(stage.runtime.pluginFolders.joined(separator: ":"))) = ENOENT (2)")
  }
}

extension Node {
  /// Runs a program on the node and returns what it prints.
  fileprivate func run(_ executable: String, _ arguments: [String]) throws -> String {
    String(
      decoding: try runProgram(executable, arguments, environment: ["PATH": "/usr/bin:/bin"]).standardOutput,
      as: UTF8.self)
  }
}
