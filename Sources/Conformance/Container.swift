import CNI
import Harness
import JSON
import System

/// A container of a node: a network namespace bound to a path, ready for the plugin.
final class Container: Sendable {
  let id: String
  /// Counts the containers of a node from 1.
  let number: Int
  let node: LabNode
  /// Which namespace it is.
  let identity: NetworkNamespace.Identity
  /// Where the namespace is bound.
  let path: String
  /// The manifest's patches for what this container asks for.
  let wish: Manifest.Wish
  /// What the plugins before the subject have made, in the newest version; nil if there are none.
  let previous: JSONObject?

  init(_ id: String, number: Int, on node: LabNode, wish: String?) throws {
    self.id = id
    self.number = number
    self.node = node
    self.wish = wish.flatMap { node.lab.manifest.redirect?.wishes[$0] } ?? Manifest.Wish()
    let path = "/run/netns/lab-\(number)"
    self.path = path
    // Runtimes have called the loopback plugin by now, unless that is the subject.
    let network = try node.lab.manifest.interface == "lo" ? NetworkNamespace.create() : .createForTraffic()
    try network.setSysctl("net/ipv6/conf/default/accept_dad", "0")
    try network.withRawValue { (descriptor) throws(SystemError) in
      try node.node.run { () throws(SystemError) in try bindNamespace(descriptor, to: path) }
    }
    node.cluster?.put(name: "pod-\(number)", uid: "uid-\(number)", wish: self.wish.pod)
    previous = try node.lab.subject.isChained ? Self.makeInterface(number, id, path, network, node) : nil
    identity = network.identity
  }

  /// The namespace. Nothing but the bound path keeps it alive, so that it ends when that goes.
  func network() throws -> NetworkNamespace {
    let path = path
    return try node.node.run { () throws(SystemError) in try NetworkNamespace.open(path) }
  }

  /// As containerd's: 64 hexadecimal digits.
  static func id(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "c0ffee", count: 10) + String(repeating: "0", count: 4 - digits.count) + digits
  }

  /// A request for the plugin to do something with this container's interface.
  ///
  /// - Parameters:
  ///   - result: What ADD returned, for the verbs after it; for ADD, `prevResult`, which a chained plugin gets anyway.
  func call(
    _ verb: Command, interface: String? = nil, result: JSONObject? = nil, configuration patch: JSONObject = [:]
  ) throws -> Call {
    var call = Call(verb, to: node.lab.subject, in: node.lab.version)
    call.configuration = call.configuration.patched(with: wish.configuration).patched(with: patch)
    if verb == .ADD || verb == .DEL || verb == .CHECK {
      call.environment["CNI_CONTAINERID"] = id
      call.environment["CNI_NETNS"] = path
      call.environment["CNI_IFNAME"] = interface ?? node.lab.manifest.interface
      call.environment["CNI_ARGS"] = arguments
    }
    let version = node.lab.version
    switch verb {
    case .ADD: call.configuration["prevResult"] = try (result ?? previousResult(in: version)).map { .object($0) }
    case .CHECK: call.configuration["prevResult"] = result.map { .object($0) }
    case .DEL where version >= .v0_4_0: call.configuration["prevResult"] = result.map { .object($0) }
    case .DEL, .GC, .STATUS, .VERSION: break
    }
    return call
  }

  /// What the plugins before the subject have made, as a result of `version`; nil if there are none.
  func previousResult(in version: SpecVersion) throws -> JSONObject? {
    try previous.map { try AttachmentResult(previous: $0, version: .newest).rendered(as: version) }
  }

  /// The five that Kubernetes runtimes pass, in any order.
  var arguments: String {
    [
      "IgnoreUnknown=1", "K8S_POD_NAMESPACE=\(Cluster.namespace)", "K8S_POD_NAME=pod-\(number)",
      "K8S_POD_INFRA_CONTAINER_ID=\(id)", "K8S_POD_UID=uid-\(number)",
    ].shuffled().joined(separator: ";")
  }

  /// ADD, which is to succeed.
  ///
  /// - Returns: Its result.
  @discardableResult
  func add(interface: String? = nil, configuration: JSONObject = [:]) throws -> JSONObject {
    try node.run(call(.ADD, interface: interface, configuration: configuration)).result()
  }

  /// CHECK, which is to succeed.
  func check(interface: String? = nil, result: JSONObject, configuration: JSONObject = [:]) throws {
    try node.run(call(.CHECK, interface: interface, result: result, configuration: configuration)).succeed()
  }

  /// DEL, which is to succeed.
  func delete(interface: String? = nil, result: JSONObject? = nil, configuration: JSONObject = [:]) throws {
    try node.run(call(.DEL, interface: interface, result: result, configuration: configuration)).succeed()
  }

  /// Deletes the namespace: nothing is bound at the path any more.
  func remove() throws {
    let path = path
    try node.node.run { () throws(SystemError) in try NetworkNamespace.unbind(path) }
  }
}
