import JSON

extension JSONObject {
  /// The addresses of a result of any version, with their prefix lengths.
  var resultAddresses: [String] {
    let families = ["ip4", "ip6"].compactMap { self[$0]?["ip"]?.string }
    return families + (self["ips"]?.array ?? []).compactMap { $0["address"]?.string }
  }

  /// The gateways of a result of any version.
  var resultGateways: [String] {
    let families = ["ip4", "ip6"].compactMap { self[$0]?["gateway"]?.string }
    return families + (self["ips"]?.array ?? []).compactMap { $0["gateway"]?.string }
  }
}

/// Checks that no address was handed out twice.
func expectDistinct(_ addresses: [String]) throws {
  let twice = Dictionary(grouping: addresses) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
  try expect(twice.isEmpty, "handed out more than once: \(twice.joined(separator: ", "))")
}
