import CNI
import Harness
import JSON
import System

extension Container {
  /// Makes what a chained plugin finds: the work of the plugins that the manifest names, or else fixture P, a veth pair
  /// of node end `vhN` and container end `eth0`, with addresses of both families and default routes.
  ///
  /// - Returns: The result that describes it, in version 1.1.0 but for the fields that only that version has.
  static func makeInterface(
    _ number: Int, _ id: String, _ path: String, _ network: borrowing NetworkNamespace, _ node: LabNode
  ) throws -> JSONObject {
    let subject = node.lab.subject
    guard subject.manifest.predecessors.isEmpty else {
      return try runPredecessors(number, id, path, on: node)
    }
    let ipv4 = "10.9.\(number)", ipv6 = "fd00:9:0:\(number)"
    let interface = subject.manifest.interface == "lo" ? "eth0" : subject.manifest.interface
    try node.node.network.join(
      WireEnd(interface: "vh\(number)", addresses: ["\(ipv4).1", "\(ipv6)::1"]), to: network,
      WireEnd(interface: interface, addresses: ["\(ipv4).2", "\(ipv6)::2"]))
    try network.addDefaultRoutes(["\(ipv4).1", "\(ipv6)::1"])
    let ends = (
      node: try node.node.network.hardwareAddress(of: "vh\(number)"),
      container: try network.hardwareAddress(of: interface)
    )
    return [
      "cniVersion": .string(SpecVersion.newest.rawValue),
      "interfaces": [
        ["name": .string("vh\(number)"), "mac": .string(ends.node)],
        ["name": .string(interface), "mac": .string(ends.container), "sandbox": .string(path)],
      ],
      "ips": [
        ["interface": 1, "address": .string("\(ipv4).2/24"), "gateway": .string("\(ipv4).1")],
        ["interface": 1, "address": .string("\(ipv6)::2/64"), "gateway": .string("\(ipv6)::1")],
      ],
      "routes": [
        ["dst": "0.0.0.0/0", "gw": .string("\(ipv4).1")], ["dst": "::/0", "gw": .string("\(ipv6)::1")],
      ],
      "dns": [
        "nameservers": ["192.0.2.53"], "domain": "conformance.test", "search": ["conformance.test"],
        "options": ["ndots:5"],
      ],
    ]
  }

  private static func runPredecessors(_ number: Int, _ id: String, _ path: String, on node: LabNode) throws
    -> JSONObject
  {
    let subject = node.lab.subject
    let version = min(SpecVersion.v1_0_0, subject.versions.last ?? .v1_0_0)
    var result: JSONObject?
    for entry in subject.manifest.predecessors {
      var call = Call(.ADD, to: subject, in: version)
      call.executable = try pluginPath(entry["type"]?.string ?? "", in: subject.pluginFolders)
      call.configuration = entry
      call.configuration["name"] = .string(Call.networkName)
      call.configuration["cniVersion"] = .string(version.rawValue)
      call.configuration["prevResult"] = result.map { .object($0) }
      call.environment["CNI_CONTAINERID"] = id
      call.environment["CNI_NETNS"] = path
      call.environment["CNI_IFNAME"] = subject.manifest.interface
      result = try node.run(call).result()
    }
    return result ?? [:]
  }
}

/// Finds a plugin as a runtime does: the first folder that has it.
func pluginPath(_ type: String, in folders: [String]) throws -> String {
  for folder in folders where isExecutable("\(folder)/\(type)") { return "\(folder)/\(type)" }
  throw ToolFailure(description: "there is no plugin \(type) in \(folders.joined(separator: ":"))")
}
