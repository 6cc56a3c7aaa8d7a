import JSON

extension Container {
  /// What the kernel says of an interface in it.
  func link(_ name: String) throws -> (index: Int, mac: String, mtu: Int) {
    let text = try node.tool("ip -j link show dev \(name)", in: self)
    guard let link = try JSONValue(parsing: Array(text.utf8)).array?.first, let index = link["ifindex"]?.int,
      let mac = link["address"]?.string, let mtu = link["mtu"]?.int
    else { throw ToolFailure(description: "ip -j link show: \(text)") }
    return (index, mac, mtu)
  }
}
