import CNI
import FaultTable
import JSON

/// A port of the node that leads to one of the container.
struct PortMapping {
  let hostPort: Int
  let containerPort: Int
  let transport: String
  /// Nil for every address of the node.
  let hostAddress: IPPrefix?

  /// The mappings that the runtime passes as a capability.
  ///
  /// - Throws: code 7 if any of them makes no sense: half of a pod's ports is worse than none.
  static func all(in configuration: NetworkConfiguration) throws(Failure) -> [PortMapping] {
    let list = configuration.runtimeConfig?["portMappings"] ?? .null
    guard list != .null else { return [] }
    guard let elements = list.array else { throw invalid(list) }
    var mappings: [PortMapping] = []
    for element in elements {
      if fault == .mapsValidPortsOnly, (try? PortMapping(element)) == nil { continue }
      mappings.append(try PortMapping(element))
    }
    return mappings
  }

  private init(_ value: JSONValue) throws(Failure) {
    let transport = value["protocol"] ?? "tcp"
    guard let hostPort = value["hostPort"]?.int, let containerPort = value["containerPort"]?.int,
      (1...65535).contains(hostPort), (1...65535).contains(containerPort),
      let transport = transport.string?.lowercased(), ["tcp", "udp"].contains(transport)
    else { throw Self.invalid(value) }
    self.hostPort = hostPort
    self.containerPort = containerPort
    self.transport = transport
    let address = value["hostIP"] ?? .null
    if address == .null || address == "" {
      hostAddress = nil
    } else {
      guard let text = address.string, !text.contains("/"), let parsed = IPPrefix(text) else {
        throw Self.invalid(value)
      }
      hostAddress = parsed.value == 0 ? nil : parsed
    }
  }

  private static func invalid(_ value: JSONValue) -> Failure {
    Failure(
      code: .invalidConfiguration, message: "cannot map a port: \(value.text().prefix(60)) is no port mapping",
      details: "ports are numbers from 1 to 65535, the protocol is tcp or udp, hostIP an address; nothing was mapped")
  }
}

/// The rules of one attachment, keyed by the addresses of its container.
struct AccessRules {
  private let addresses: [IPPrefix]
  private let mappings: [PortMapping]

  init(_ addresses: [IPPrefix], _ mappings: [PortMapping]) {
    self.addresses = addresses
    self.mappings = mappings
  }

  /// The chains, as nft reads them.
  var text: String {
    let accepting = addresses.map { "    \($0.family) saddr \($0.address) counter accept\n" }.joined()
    let forward = "  chain forward {\n    type filter hook forward priority 0\n\(accepting)  }\n"
    guard !mappings.isEmpty else { return forward }
    let mapped = mappings.flatMap { mapping in
      addresses.compactMap { address -> String? in
        guard mapping.hostAddress.map({ $0.isIPv6 == address.isIPv6 }) ?? true else { return nil }
        let family = address.family
        let destination = mapping.hostAddress.map { "\(family) daddr \($0.address)" } ?? "fib daddr type local"
        let target = address.isIPv6 ? "[\(address.address)]" : address.address
        return "    meta nfproto \(address.isIPv6 ? "ipv6" : "ipv4") \(destination) \(mapping.transport) dport "
          + "\(mapping.hostPort) dnat \(family) to \(target):\(mapping.containerPort)\n"
      }
    }.joined()
    return forward
      + ["prerouting", "output"].map { hook in
        "  chain \(hook) {\n    type nat hook \(hook) priority -100\n\(mapped)  }\n"
      }.joined()
  }
}
