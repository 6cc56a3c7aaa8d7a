import CNI
import Glibc
import JSON

/// Equivalence of results: equal but for members that say nothing, the order of keys, and the spelling of addresses.
/// The order of lists counts, for indexes point by position.
enum Equivalence {
  /// What differs first, in words; nil if the two mean the same.
  static func difference(_ left: JSONObject, _ right: JSONObject) -> String? {
    difference(canonical(.object(left)), canonical(.object(right)), at: "")
  }

  /// Drops what is null or empty, sorts keys, and spells addresses as the kernel does. `table` and `scope` of a route
  /// may be 0, which differs from not being there; its other numbers may not.
  static func canonical(_ value: JSONValue, key: String = "") -> JSONValue {
    switch value {
    case .object(let object):
      let members = object.members.map { ($0.key, canonical($0.value, key: $0.key)) }
        .filter { !isEmpty($0.1) && !(["mtu", "advmss", "priority"].contains($0.0) && $0.1 == 0) }
        .sorted { $0.0 < $1.0 }
      return .object(JSONObject(members))
    case .array(let elements): return .array(elements.map { canonical($0, key: key) })
    case .string(let text) where ["address", "gateway", "dst", "gw", "ip", "nameservers"].contains(key):
      return .string(canonicalAddress(text))
    case .string, .number, .bool, .null: return value
    }
  }

  private static func isEmpty(_ value: JSONValue) -> Bool {
    switch value {
    case .null: true
    case .string(let text): text.isEmpty
    case .array(let elements): elements.isEmpty
    case .object(let object): object.isEmpty
    case .bool, .number: false
    }
  }

  private static func canonicalAddress(_ text: String) -> String {
    let parts = text.split(separator: "/", maxSplits: 1)
    guard let address = parts.first else { return text }
    var bytes = [UInt8](repeating: 0, count: 16)
    let family = address.contains(":") ? AF_INET6 : AF_INET
    var spelled = [CChar](repeating: 0, count: 64)
    guard inet_pton(family, String(address), &bytes) == 1, inet_ntop(family, bytes, &spelled, 64) != nil else {
      return text
    }
    let canonical = String(decoding: spelled.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return parts.count == 2 ? "\(canonical)/\(parts[1])" : canonical
  }

  private static func difference(_ left: JSONValue, _ right: JSONValue, at path: String) -> String? {
    switch (left, right) {
    case (.object(let left), .object(let right)):
      for key in Set(left.keys).union(right.keys).sorted() {
        let place = path.isEmpty ? key : "\(path).\(key)"
        guard let one = left[key] else { return "\(place) appeared" }
        guard let other = right[key] else { return "\(place) is lost" }
        if let found = difference(one, other, at: place) { return found }
      }
      return nil
    case (.array(let left), .array(let right)):
      guard left.count == right.count else { return "\(path) had \(left.count) elements and has \(right.count)" }
      for (index, pair) in zip(left, right).enumerated() {
        if let found = difference(pair.0, pair.1, at: "\(path)[\(index)]") { return found }
      }
      return nil
    default: return left == right ? nil : "\(path) was \(left.text().prefix(60)) and is \(right.text().prefix(60))"
    }
  }
}

/// Checks that a result says what another one says.
func expectEquivalent(_ result: JSONObject, to wanted: JSONObject) throws {
  if let difference = Equivalence.difference(wanted, result) { throw Discrepancy("the result differs: \(difference)") }
}
