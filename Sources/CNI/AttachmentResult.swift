package import JSON

/// The result that a plugin in a chain got from the one before it and passes on.
///
/// Nothing is mapped to types and back, which is how plugins lose what they do not know: vendors' fields, fields of
/// later versions, the difference between 0 and absent.
package struct AttachmentResult: Sendable {
  /// The result as it was received.
  let object: JSONObject

  /// The version that the result is written in.
  let version: SpecVersion

  /// Takes `prevResult` and checks the shape of all that is read or converted later.
  ///
  /// - Parameters:
  ///   - previous: nil for the first plugin of a chain, whose result is empty.
  ///   - version: the version of the configuration, which counts if the result does not state its own.
  /// - Throws: code 6 for a malformed result, code 1 for one of an unknown version. The message names the member.
  package init(previous: JSONObject?, version: SpecVersion) throws(Failure) {
    guard let previous else {
      object = ["dns": [:]]
      self.version = version
      return
    }
    object = previous
    self.version = try Self.label(of: previous) ?? version
    try Self.validate(previous, as: self.version)
  }

  private static func label(of result: JSONObject) throws(Failure) -> SpecVersion? {
    // Some plugins leave the version out.
    guard let value = result["cniVersion"], value != .null, value != "" else { return nil }
    guard let text = value.string else { throw malformed("cniVersion", value, expected: "a string") }
    guard let version = SpecVersion(rawValue: text) else { throw .unsupportedVersion(text, in: "prevResult") }
    return version
  }

  /// The addresses inside the container, in CIDR notation and in order. An address that names no interface counts.
  package var addresses: [String] {
    guard version.listsAddresses else {
      return Self.families.compactMap { object[$0.key]?["ip"]?.string }
    }
    return containerIPs.compactMap { $0["address"]?.string }
  }

  /// The DNS servers that the plugins before this one name, as written. Below 0.3.0 they stand in each family, too.
  package var nameservers: [String] {
    let places = [object["dns"]] + Self.families.map { object[$0.key]?["dns"] }
    return places.flatMap { $0?["nameservers"]?.array?.compactMap(\.string) ?? [] }
  }

  /// The members of `ips`, without those that a node-side interface holds.
  var containerIPs: [JSONObject] {
    let interfaces = object.objects("interfaces")
    return object.objects("ips").filter { ip in
      guard let index = ip["interface"]?.int, interfaces.indices.contains(index) else { return true }
      // A node-side interface has no sandbox.
      return interfaces[index]["sandbox"]?.string?.isEmpty == false
    }
  }

  /// Where results below 0.3.0 keep the address of a family.
  static let families: [(key: String, family: AddressPrefix.Family)] = [("ip4", .v4), ("ip6", .v6)]
}

extension JSONObject {
  /// The objects of the list at `key`; empty when it is absent or null.
  func objects(_ key: String) -> [JSONObject] {
    self[key]?.array?.compactMap(\.object) ?? []
  }
}
