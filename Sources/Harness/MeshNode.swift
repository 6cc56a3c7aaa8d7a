package import JSON
import Kubernetes
import Netlink
package import System

/// A node of a mesh: a bridge network made by the reference plugins, our plugin last in its chain, and an API server
/// that the plugin reaches through its kubeconfig.
package final class MeshNode: Sendable {
  package let node: Node
  package let apiServer: FakeAPIServer
  package let runtime: CNIRuntime

  /// Where the API server listens, on the node's `lo`.
  package static let serviceAddress = Endpoint("10.96.0.1", 443)
  package static let runDirectory = "/run/istio-cni"
  package static let token = "not-a-secret"

  /// - Parameters:
  ///   - pluginFolder: Where `istio-cni` is.
  ///   - referencePlugins: Where `bridge` and `host-local` are.
  ///   - entry: Keys to add to our entry of the list, or to replace there.
  package init(
    pluginFolder: String, referencePlugins: String = "/usr/lib/cni", entry: JSONObject = [:]
  ) throws {
    node = try Node()
    let address = Self.serviceAddress
    let route = try NetlinkSocket.open(.route, in: node.network)
    try Addresses.add("\(address.address)/32", to: .loopback, through: route)
    let authority = try TestCertificateAuthority()
    let server = try authority.serverCertificate(addresses: [address.address])
    apiServer = try FakeAPIServer(at: address, in: node.network, certificate: server, token: Self.token)
    try node.write(
      kubeconfigText(
        server: "https://\(address)", certificateAuthorityPEM: authority.certificatePEM, token: Self.token),
      to: "\(Self.runDirectory)/istio-cni-kubeconfig", mode: 0o600)
    runtime = CNIRuntime(
      node: node, list: Self.networkList(entry), pluginFolders: [pluginFolder, referencePlugins])
  }

  private static func networkList(_ extra: JSONObject) -> NetworkList {
    let bridge: JSONObject = [
      "type": "bridge", "bridge": "cni0", "isGateway": true,
      "ipam": [
        "type": "host-local", "dataDir": "/run/cni/networks",
        "ranges": [[["subnet": "10.88.0.0/16"]], [["subnet": "fd00:88::/64"]]],
        "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0"]],
      ],
    ]
    var mesh: JSONObject = [
      "type": "istio-cni", "plugin_log_level": "info", "cni_agent_run_dir": .string(runDirectory),
      "exclude_namespaces": ["kube-system"], "pod_namespace": "istio-system", "ambient_enabled": false,
    ]
    for member in extra.members { mesh[member.key] = member.value }
    return NetworkList(name: "mesh", version: "1.0.0", plugins: [bridge, mesh])
  }

  /// Starts a pod as kubelet and the runtime do: the API server knows it, it gets a sandbox, and the chain is run.
  ///
  /// - Parameter number: Differs from the numbers of the node's other sandboxes.
  package func start(_ pod: JSONValue, number: Int) throws -> RunningPod {
    let object = try PodObject(json: pod)
    apiServer.put(pod)
    let annotations: JSONValue = pod["metadata"]?["annotations"] ?? [:]
    let sandbox = try Sandbox(
      PodIdentity(namespace: object.namespace, name: object.name, uid: object.uid), number: number, on: node,
      capabilityValues: ["io.kubernetes.cri.pod-annotations": annotations])
    return RunningPod(sandbox: sandbox, result: try runtime.setUp(sandbox))
  }
}

/// A pod whose network has been set up.
package struct RunningPod: Sendable {
  package let sandbox: Sandbox
  /// What ADD returned.
  package let result: JSONObject

  package var name: String { sandbox.pod.name }

  /// The pod's addresses without their prefix lengths, in the result's order.
  package var addresses: [String] {
    (result["ips"]?.array ?? []).compactMap { $0["address"]?.string?.split(separator: "/").first.map { String($0) } }
  }

  /// An endpoint of the pod in the family of `isIPv6`; nil when it has no such address.
  package func endpoint(_ port: UInt16, isIPv6: Bool) -> Endpoint? {
    addresses.map { Endpoint($0, port) }.first { $0.isIPv6 == isIPv6 }
  }
}
