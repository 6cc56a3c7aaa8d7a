import JSON

/// An interface as the kernel knows it.
struct KernelInterface: Sendable {
  let name: String
  /// As results spell it: `02:42:ac:11:00:02`.
  let hardwareAddress: String
  let mtu: Int
  /// With prefix lengths: `10.88.0.2/16`.
  let addresses: [String]
}

extension LabNode {
  /// The interfaces of this node, or of a container on it.
  func interfaces(in container: Container? = nil) throws -> [KernelInterface] {
    let links = try JSONValue(parsing: Array(tool("ip -json address show", in: container).utf8)).array ?? []
    return links.map { link in
      let addresses = (link["addr_info"]?.array ?? []).compactMap { info in
        info["local"]?.string.flatMap { local in info["prefixlen"]?.int.map { "\(local)/\($0)" } }
      }
      return KernelInterface(
        name: link["ifname"]?.string ?? "", hardwareAddress: link["address"]?.string ?? "",
        mtu: link["mtu"]?.int ?? 0, addresses: addresses)
    }
  }

  /// What the kernel knows of an interface that a result lists: in the container if it names a sandbox, else on the node.
  ///
  /// - Throws: A `Discrepancy` if there is none of that name.
  func interface(listedAs entry: JSONValue, in container: Container) throws -> KernelInterface {
    let isInside = entry["sandbox"]?.string?.isEmpty == false
    let found = try interfaces(in: isInside ? container : nil).first { $0.name == entry["name"]?.string }
    guard let found else {
      throw Discrepancy("the result lists an interface that is not there: \(entry.text().prefix(200))")
    }
    return found
  }
}
