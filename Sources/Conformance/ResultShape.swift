import CNI
import JSON

/// What a result of a version of the specification may hold, and must. Strict readers of a version refuse what only
/// others know, and find nothing where these put it.
///
/// Keys that no version knows are nobody's business here.
///
/// Source: section "ADD Success" of each version of the specification; 0.3.0's says `ip` and means `ips`.
struct ResultShape {
  let version: SpecVersion

  /// Checks that a result says that it is of this version.
  func expectLabel(in result: JSONObject) throws {
    let label = result["cniVersion"]
    try expect(
      label == .string(version.rawValue),
      "cniVersion of the result is \(label?.text() ?? "absent") at \(version.rawValue)")
  }

  /// Checks that a result has this version's shape.
  func expectFit(_ result: JSONObject) throws {
    let faults = faults(in: result)
    try expect(faults.isEmpty, "no result of \(version.rawValue): \(faults.joined(separator: "; "))")
  }

  /// What does not fit, in words: `ips[0].version is missing`.
  func faults(in result: JSONObject) -> [String] {
    var faults = Self.top(version).faults(in: result, at: "")
    for key in ["ip4", "ip6"] where version < .v0_3_0 {
      guard let family = result[key]?.object else { continue }
      faults += Self.family.faults(in: family, at: "\(key).")
      faults += listFaults("routes", Self.route(version), in: family, at: "\(key).")
    }
    if version >= .v0_3_0 {
      faults += listFaults("interfaces", Self.interface(version), in: result, at: "")
      faults += listFaults("ips", Self.ip(version), in: result, at: "")
      faults += listFaults("routes", Self.route(version), in: result, at: "")
      faults += indexFaults(in: result) + familyFaults(in: result)
    }
    if let dns = result["dns"]?.object { faults += Self.dns.faults(in: dns, at: "dns.") }
    return faults
  }

  /// The addresses that belong to an interface that the result does not list.
  func indexFaults(in result: JSONObject) -> [String] {
    let count = result["interfaces"]?.array?.count ?? 0
    return (result["ips"]?.array ?? []).enumerated().compactMap { position, ip in
      guard let index = ip["interface"]?.int, !(0..<count).contains(index) else { return nil }
      return "ips[\(position)].interface is \(index) of \(count) interfaces"
    }
  }

  /// The addresses of a family that is not the stated one.
  private func familyFaults(in result: JSONObject) -> [String] {
    guard version < .v1_0_0 else { return [] }
    return (result["ips"]?.array ?? []).enumerated().compactMap { position, ip in
      guard let stated = ip["version"]?.string, let prefix = ip["address"]?.string.flatMap(NetworkPrefix.init),
        stated != (prefix.isIPv6 ? "6" : "4")
      else { return nil }
      return "ips[\(position)].version is \(stated)"
    }
  }

  private func listFaults(_ key: String, _ shape: ObjectShape, in object: JSONObject, at path: String) -> [String] {
    guard let elements = object[key]?.array else { return [] }
    return elements.enumerated().flatMap { index, element in
      guard let element = element.object else { return ["\(path)\(key)[\(index)] is of kind \(element.kindName)"] }
      return shape.faults(in: element, at: "\(path)\(key)[\(index)].")
    }
  }
}

// MARK: - The table

extension ResultShape {
  private static func top(_ version: SpecVersion) -> ObjectShape {
    let lists: [String: ObjectShape.Kind] = ["interfaces": .list, "ips": .list, "routes": .list]
    let families: [String: ObjectShape.Kind] = ["ip4": .object, "ip6": .object]
    let listsAddresses = version >= .v0_3_0
    return ObjectShape(
      required: ["cniVersion": .text],
      optional: (listsAddresses ? lists : families).merging(["dns": .object]) { $1 },
      forbidden: Array((listsAddresses ? families : lists).keys))
  }

  private static let family = ObjectShape(required: ["ip": .prefix], optional: ["gateway": .address, "routes": .list])

  private static func interface(_ version: SpecVersion) -> ObjectShape {
    ObjectShape(
      required: ["name": .text], optional: ["mac": .text, "sandbox": .text],
      extended: ["mtu": .integer, "socketPath": .text, "pciID": .text], in: version)
  }

  private static func ip(_ version: SpecVersion) -> ObjectShape {
    let statesFamily = version < .v1_0_0
    return ObjectShape(
      required: statesFamily ? ["address": .prefix, "version": .text] : ["address": .prefix],
      optional: ["gateway": .address, "interface": .integer], forbidden: statesFamily ? [] : ["version"])
  }

  private static func route(_ version: SpecVersion) -> ObjectShape {
    ObjectShape(
      required: ["dst": .prefix], optional: ["gw": .address],
      extended: ["mtu": .integer, "advmss": .integer, "priority": .integer, "table": .integer, "scope": .integer],
      in: version)
  }

  private static let dns = ObjectShape(
    required: [:], optional: ["nameservers": .texts, "domain": .text, "search": .texts, "options": .texts])
}

/// Which keys an object must, may and must not have.
private struct ObjectShape {
  var required: [String: Kind]
  var optional: [String: Kind] = [:]
  var forbidden: [String] = []

  enum Kind: String {
    case text = "a string"
    case texts = "a list of strings"
    case integer = "an integer"
    case address = "an address"
    case prefix = "an address with its prefix length"
    case list = "a list"
    case object = "an object"

    func fits(_ value: JSONValue) -> Bool {
      switch self {
      case .text: value.string != nil
      case .texts: value.array?.allSatisfy { $0.string != nil } ?? false
      case .integer: value.int != nil
      case .address: value.string.flatMap(NetworkPrefix.bytes(of:)) != nil
      case .prefix: value.string.flatMap(NetworkPrefix.init) != nil
      case .list: value.array != nil
      case .object: value.object != nil
      }
    }
  }

  func faults(in object: JSONObject, at path: String) -> [String] {
    let present = object.members.filter { $0.value != .null }
    let missing = required.keys.filter { key in !present.contains { $0.key == key } }.sorted()
    let kinds = required.merging(optional) { $1 }
    return missing.map { "\(path)\($0) is missing" }
      + object.keys.filter(forbidden.contains).map { "\(path)\($0) does not belong there" }
      + present.compactMap { key, value in
        guard let kind = kinds[key], !kind.fits(value) else { return nil }
        return "\(path)\(key) is not \(kind.rawValue): \(value.text().prefix(60))"
      }
  }
}

extension ObjectShape {
  /// - Parameter extended: What 1.1.0 added.
  init(required: [String: Kind], optional: [String: Kind], extended: [String: Kind], in version: SpecVersion) {
    self.init(required: required, optional: optional)
    if version >= .v1_1_0 {
      self.optional.merge(extended) { $1 }
    } else {
      forbidden = extended.keys.sorted()
    }
  }
}
