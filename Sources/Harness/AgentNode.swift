import CNI
package import JSON
import Kubernetes
import Netlink
package import System
import SystemPackage

/// A node whose mesh is set up by the real `install-cni`: its folders, the files that kubelet mounts into the agent's pod,
/// an API server at the cluster's service address, and a runtime that reads its configuration folder anew for each pod.
package final class AgentNode: Sendable {
  /// Programs that play a part.
  package struct Programs: Sendable {
    package var installer: String
    /// The plugin of the agent's image; nil for a file that is none, where no pod is started.
    package var plugin: String?
    /// The folder that holds `bridge` and `host-local`.
    package var referencePlugins: String

    package init(installer: String, plugin: String?, referencePlugins: String = "/usr/lib/cni") {
      self.installer = installer
      self.plugin = plugin
      self.referencePlugins = referencePlugins
    }

    /// `install-cni` and `istio-cni` in one folder.
    package init(folder: String, referencePlugins: String = "/usr/lib/cni") {
      self.init(
        installer: "\(folder)/install-cni", plugin: "\(folder)/istio-cni", referencePlugins: referencePlugins)
    }
  }

  package static let configurationFolder = "/run/host/etc/cni/net.d"
  package static let binaryFolder = "/run/host/opt/cni/bin"
  package static let cacheFolder = "/run/host/var/lib/cni"
  package static let imageFolder = "/run/image/opt/cni/bin"
  package static let runDirectory = "/run/istio-cni"
  package static let logPath = "/run/agent.log"
  package static let podNamespace = "istio-system"
  package static let nodeName = "node-1"
  package static let serviceAddress = Endpoint("10.96.0.1", 443)

  package static let kubeconfig = "\(runDirectory)/istio-cni-kubeconfig"
  package static let binary = "\(binaryFolder)/istio-cni"

  package let node: Node
  package let apiServer: FakeAPIServer
  package let programs: Programs
  /// The agent's `/var/run/secrets/kubernetes.io/serviceaccount`.
  package let serviceAccount: KubeletVolume
  /// The mounted ConfigMap `istio-cni-config`.
  package let configMap: KubeletVolume
  private let authorityPEM: String
  private let bareRuntime: CNIRuntime

  /// A node with an empty configuration folder. The API server accepts `token`, and the agent's files hold it.
  package init(_ programs: Programs, token: String = "token-1", configMap settings: [String: String] = [:]) throws {
    self.programs = programs
    node = try Node()
    let address = Self.serviceAddress
    let route = try NetlinkSocket.open(.route, in: node.network)
    try Addresses.add("\(address.address)/32", to: .loopback, through: route)
    let authority = try TestCertificateAuthority()
    authorityPEM = authority.certificatePEM
    let certificate = try authority.serverCertificate(addresses: [address.address])
    apiServer = try FakeAPIServer(at: address, in: node.network, certificate: certificate, token: token)
    serviceAccount = KubeletVolume(at: "/run/secrets/serviceaccount", on: node)
    configMap = KubeletVolume(at: "/run/config", on: node)
    bareRuntime = CNIRuntime(
      node: node, list: NetworkList(name: "", version: "", plugins: []),
      pluginFolders: [Self.binaryFolder, programs.referencePlugins])
    try node.run { () throws(SystemError) in
      for folder in [
        Self.configurationFolder, Self.binaryFolder, "\(Self.cacheFolder)/results", Self.imageFolder,
        Self.runDirectory,
      ] { try makeFolders(folder) }
    }
    try setToken(token)
    try configMap.update(settings)
    putDaemonSet()
    try putInImage(try programs.plugin.map { try readFile($0, limit: 256 << 20) } ?? Array("not a program\n".utf8))
  }

  // MARK: What the agent gets

  /// What the agent's pod has in its environment, with every path on this node.
  package var environment: [String: String] {
    [
      "MOUNTED_CNI_NET_DIR": Self.configurationFolder, "CNI_BIN_SOURCE_DIR": Self.imageFolder,
      "CNI_BIN_TARGET_DIRS": Self.binaryFolder, "CNI_AGENT_RUN_DIR": Self.runDirectory,
      "CNI_CACHE_DIR": Self.cacheFolder, "SERVICE_ACCOUNT_DIR": serviceAccount.path, "CONFIG_DIR": configMap.path,
      "KUBERNETES_SERVICE_HOST": Self.serviceAddress.address,
      "KUBERNETES_SERVICE_PORT": "\(Self.serviceAddress.port)", "KUBERNETES_NODE_NAME": Self.nodeName,
      "POD_NAMESPACE": Self.podNamespace, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
      // What is no program passes no test.
      "SELF_TEST": programs.plugin == nil ? "false" : "true",
    ]
  }

  /// Swaps the files of the ServiceAccount, as kubelet does when a token is about to expire.
  package func setToken(_ token: String) throws(SystemError) {
    try serviceAccount.update(["token": token, "ca.crt": authorityPEM, "namespace": Self.podNamespace])
  }

  /// Makes `bytes` the plugin of the agent's image.
  package func putInImage(_ bytes: [UInt8]) throws(SystemError) {
    try node.write(bytes, to: "\(Self.imageFolder)/istio-cni", mode: 0o755)
  }

  // MARK: What the cluster wants

  /// Lets the cluster have the agent's DaemonSet, which wants every node of this label, and this node.
  package func putDaemonSet(isDeleted: Bool = false) {
    var metadata: JSONObject = ["namespace": .string(Self.podNamespace), "name": "istio-cni-node"]
    if isDeleted { metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z" }
    apiServer.put(object: [
      "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": .object(metadata),
      "spec": [
        "template": [
          "spec": ["nodeSelector": ["kubernetes.io/os": "linux"], "containers": [["name": "install-cni"]]]
        ]
      ],
    ])
    putNode(labels: ["kubernetes.io/os": "linux"])
  }

  /// Gives the node's object other labels and taints.
  package func putNode(labels: JSONObject, taints: [JSONValue] = []) {
    apiServer.put(object: [
      "apiVersion": "v1", "kind": "Node",
      "metadata": ["name": .string(Self.nodeName), "labels": .object(labels)],
      "spec": taints.isEmpty ? [:] : ["taints": .array(taints)],
    ])
  }

  /// Deletes the agent's DaemonSet.
  package func removeDaemonSet() {
    apiServer.remove(kind: "DaemonSet", namespace: Self.podNamespace, name: "istio-cni-node")
  }

  // MARK: The installer

  /// Runs `install-cni` with these arguments to its end.
  package func installer(
    _ arguments: String..., environment extra: [String: String] = [:], timeLimit: Duration = .seconds(60)
  ) throws(SystemError) -> ChildOutcome {
    try node.runProgram(
      programs.installer, arguments, environment: environment.merging(extra) { $1 }, timeLimit: timeLimit)
  }

  /// Starts the agent.
  package func startAgent(
    _ arguments: String..., environment extra: [String: String] = [:]
  ) throws(SystemError) -> AgentProcess {
    try AgentProcess(
      programs.installer, arguments, environment: environment.merging(extra) { $1 }, logPath: Self.logPath, on: node)
  }

  /// What is installed: every file of the configuration folder, the kubeconfig and the binary, by path.
  package func files() throws(SystemError) -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    let names = try configurationNames().map { "\(Self.configurationFolder)/\($0)" }
    let isFile = try node.run { () throws(SystemError) in names.filter { !isFolder($0) } }
    for path in isFile + [Self.kubeconfig, Self.binary] { files[path] = try node.read(path) }
    return files
  }

  // MARK: The primary plugin's part

  /// A bridge network, as the cluster's CNI plugin would leave it on the node.
  package static func primaryList(mtu: Int = 1500) -> String {
    """
    {
      "cniVersion": "1.0.0",
      "name": "mesh",
      "plugins": [
        {
          "type": "bridge", "bridge": "cni0", "isGateway": true, "mtu": \(mtu),
          "ipam": {
            "type": "host-local", "dataDir": "/run/cni/networks",
            "ranges": [ [{"subnet": "10.88.0.0/16"}], [{"subnet": "fd00:88::/64"}] ],
            "routes": [{ "dst": "0.0.0.0/0" }, { "dst": "::/0" }]
          }
        }
      ]
    }

    """
  }

  /// Writes a file of the configuration folder, atomically.
  package func writeConfiguration(_ name: String, _ text: String, mode: UInt32 = 0o644) throws(SystemError) {
    try node.write(text, to: "\(Self.configurationFolder)/\(name)", mode: mode)
  }

  /// What a file of the configuration folder holds; nil if it is not there.
  package func configuration(_ name: String) throws(SystemError) -> [UInt8]? {
    try node.read("\(Self.configurationFolder)/\(name)")
  }

  /// What is in the configuration folder, sorted.
  package func configurationNames() throws(SystemError) -> [String] {
    try node.names(in: Self.configurationFolder)
  }

  // MARK: The runtime's part

  /// The runtime with the list that its folder has now.
  ///
  /// - Throws: `NetworkListError` while there is none: a real one then reports that the node's network is not ready.
  package func runtime() throws -> CNIRuntime {
    var runtime = bareRuntime
    runtime.list = try node.run { () throws(SystemError) in
      try ConfigurationFolder(reading: Self.configurationFolder)
    }.list()
    return runtime
  }

  /// The pod once the scheduler has given it to this node, so that the agent's watch shows it.
  package static func scheduled(_ pod: JSONValue) -> JSONValue {
    var members = pod.object ?? [:]
    var spec = members["spec"]?.object ?? [:]
    spec["nodeName"] = .string(nodeName)
    members["spec"] = .object(spec)
    return .object(members)
  }

  /// Starts a pod as kubelet and the runtime do: the API server knows it, it gets a sandbox, and the chain is run. If
  /// that fails, DEL is run and the sandbox removed, as before another try.
  ///
  /// - Parameters:
  ///   - number: Differs from the numbers of the node's other sandboxes.
  ///   - handsAnnotations: Whether the runtime hands the pod's annotations to plugins, as containerd does and CRI-O does
  ///     not.
  ///   - isStored: Whether the API server is told of the pod first.
  package func start(
    _ pod: JSONValue, number: Int, handsAnnotations: Bool = true, isStored: Bool = true
  ) throws -> RunningPod {
    let object = try PodObject(json: pod)
    if isStored { apiServer.put(pod) }
    let runtime = try runtime()
    let annotations: JSONValue = pod["metadata"]?["annotations"] ?? [:]
    let sandbox = try Sandbox(
      PodIdentity(namespace: object.namespace, name: object.name, uid: object.uid), number: number, on: node,
      capabilityValues: handsAnnotations ? ["io.kubernetes.cri.pod-annotations": annotations] : [:])
    do {
      let result = try runtime.setUp(sandbox)
      try remember(sandbox, runtime.list, result)
      return RunningPod(sandbox: sandbox, result: result)
    } catch {
      try sandbox.remove()
      throw error
    }
  }

  /// Ends a pod: DEL with the namespace, and again without.
  package func stop(_ pod: RunningPod, with age: CNIRuntime.ConfigurationAge) throws {
    try runtime().stop(pod.sandbox, with: age)
    try pod.sandbox.remove()
    try removeLost(pod, with: age)
  }

  /// Clears up after a pod whose namespace is gone: DEL without it.
  package func removeLost(_ pod: RunningPod, with age: CNIRuntime.ConfigurationAge) throws {
    try runtime().remove(pod.sandbox, with: age)
    for name in try node.names(in: "\(Self.cacheFolder)/results") where name.contains(pod.sandbox.containerID) {
      try node.remove("\(Self.cacheFolder)/results/\(name)")
    }
  }

  /// What libcni keeps of an ADD until the DEL.
  ///
  /// Source: `cachedInfo` and `cacheAdd` of containernetworking/cni, libcni/api.go.
  private func remember(_ sandbox: Sandbox, _ list: NetworkList, _ result: JSONObject) throws(SystemError) {
    let configuration: JSONValue = [
      "cniVersion": .string(list.version), "name": .string(list.name),
      "plugins": .array(list.plugins.map { .object($0) }),
    ]
    let entry: JSONValue = [
      "kind": "cniCacheV1", "containerId": .string(sandbox.containerID),
      "config": .string(base64(configuration.serialized())), "ifName": "eth0", "networkName": .string(list.name),
      "result": .object(result),
    ]
    try node.write(
      entry.serialized(), to: "\(Self.cacheFolder)/results/\(list.name)-\(sandbox.containerID)-eth0", mode: 0o600)
  }

  /// The node loses power: nothing of its memory stays, and its disk does. What runs in its pods is gone, which the
  /// caller has ended; the API server is elsewhere, and stays.
  package func loseMemory(_ pods: [RunningPod]) throws {
    for pod in pods { try pod.sandbox.remove() }
    try node.shell("rm -rf \(Self.runDirectory) && mkdir \(Self.runDirectory); ip link delete cni0 2>/dev/null || true")
  }
}
