import CNI
import Harness
import JSON
import System

/// A container in which no plugin has made anything yet, for lists that begin with a main plugin.
///
/// Nothing of the suite holds its namespace but the path, so it ends with that.
struct BareContainer: Sendable {
  let node: LabNode
  let id: String
  let path: String
  private let name: String

  /// - Parameter number: Differs from that of the node's other containers of all kinds.
  init(_ number: Int, on node: LabNode) throws {
    self.node = node
    id = Container.id(number)
    name = "pod-\(number)"
    let path = "/run/netns/bare-\(number)"
    self.path = path
    node.cluster?.put(name: name, uid: "uid-\(number)", wish: [:])
    let network = try NetworkNamespace.createForTraffic()
    try network.setSysctl("net/ipv6/conf/default/accept_dad", "0")
    try network.withRawValue { (descriptor) throws(SystemError) in
      try node.node.run { () throws(SystemError) in try bindNamespace(descriptor, to: path) }
    }
  }

  /// The namespace, which lives as long as it is held.
  func open() throws -> NetworkNamespace {
    let path = path
    return try node.node.run { () throws(SystemError) in try NetworkNamespace.open(path) }
  }

  /// Takes the path away.
  func remove() throws {
    let path = path
    try node.node.run { () throws(SystemError) in try NetworkNamespace.unbind(path) }
  }

  /// A request of any plugin, in any version.
  func call(
    _ verb: Command, _ plugin: JSONObject, executable: String, in version: SpecVersion, result: JSONObject? = nil
  ) -> Call {
    var call = Call(verb, to: node.lab.subject, in: version)
    call.executable = executable
    call.configuration = plugin
    call.configuration["name"] = .string(Call.networkName)
    call.configuration["cniVersion"] = .string(version.rawValue)
    call.configuration["prevResult"] = result.map { .object($0) }
    call.environment["CNI_CONTAINERID"] = id
    call.environment["CNI_NETNS"] = path
    call.environment["CNI_IFNAME"] = node.lab.manifest.interface
    call.environment["CNI_ARGS"] =
      "IgnoreUnknown=1;K8S_POD_NAMESPACE=\(Cluster.namespace);K8S_POD_NAME=\(name);K8S_POD_INFRA_CONTAINER_ID=\(id);K8S_POD_UID=uid-\(name.dropFirst(4))"
    return call
  }
}
