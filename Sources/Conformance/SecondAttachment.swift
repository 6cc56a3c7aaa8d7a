import CNI
import Harness
import JSON
import System

extension Lab {
  /// - Throws: `Inapplicable` for a plugin that finds its interface there, of which a container has but one.
  func requireOwnInterface() throws {
    guard manifest.role != .main || manifest.createsInterface else {
      throw Inapplicable("the plugin makes no interface of its own")
    }
  }
}

extension Container {
  /// ADD for another interface of this container, which is made before for a chained plugin.
  ///
  /// - Throws: `Inapplicable` if the plugin refuses it.
  func addSecond(_ interface: String, configuration: JSONObject = [:]) throws -> JSONObject {
    let previous = try node.lab.subject.isChained ? makeSecondInterface(interface) : nil
    let reply = try node.run(call(.ADD, interface: interface, result: previous, configuration: configuration))
    if reply.errorObject != nil, reply.status != .exited(0) {
      throw Inapplicable("the plugin takes a container once only, see ADD-07: \(reply.description)")
    }
    return try reply.result()
  }

  /// Makes another interface, as the plugins of another network would; it has no part in the default routes.
  ///
  /// - Returns: The result that describes it, in the version of the lab.
  private func makeSecondInterface(_ interface: String) throws -> JSONObject {
    let ipv4 = "10.10.\(number)", ipv6 = "fd00:10:0:\(number)"
    let network = try network()
    try node.node.network.join(
      WireEnd(interface: "vi\(number)", addresses: ["\(ipv4).1", "\(ipv6)::1"]), to: network,
      WireEnd(interface: interface, addresses: ["\(ipv4).2", "\(ipv6)::2"]))
    let mac = try network.hardwareAddress(of: interface)
    let result: JSONObject = [
      "cniVersion": .string(SpecVersion.newest.rawValue),
      "interfaces": [["name": .string(interface), "mac": .string(mac), "sandbox": .string(path)]],
      "ips": [
        ["interface": 0, "address": .string("\(ipv4).2/24"), "gateway": .string("\(ipv4).1")],
        ["interface": 0, "address": .string("\(ipv6)::2/64"), "gateway": .string("\(ipv6)::1")],
      ],
    ]
    return try AttachmentResult(previous: result, version: .newest).rendered(as: node.lab.version)
  }

  /// Whether there is an interface of this name in it.
  func hasLink(_ name: String) throws -> Bool {
    try node.program("/usr/sbin/ip", ["link", "show", "dev", name], in: self).status == .exited(0)
  }
}
