/// What a request's path and query ask for.
struct FakeAPIPath: Sendable {
  /// `v1`, `apps/v1`.
  let apiVersion: String
  let namespace: String?
  /// `pods`.
  let plural: String
  /// Nil for all of them.
  let name: String?
  /// `status`; nil for the object itself.
  let subresource: String?
  let query: [String: String]

  /// - Parameter uri: nil comes of one that no API server has.
  init?(_ uri: String) {
    let halves = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var parts = halves[0].split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { Self.decoded($0) }
    switch parts.first {
    case "api" where parts.count > 2:
      apiVersion = parts[1]
      parts.removeFirst(2)
    case "apis" where parts.count > 3:
      apiVersion = "\(parts[1])/\(parts[2])"
      parts.removeFirst(3)
    default: return nil
    }
    if parts[0] == "namespaces", parts.count > 2 {
      namespace = parts[1]
      parts.removeFirst(2)
    } else {
      namespace = nil
    }
    guard parts.count <= 3, !parts.contains("") else { return nil }
    plural = parts[0]
    name = parts.count > 1 ? parts[1] : nil
    subresource = parts.count > 2 ? parts[2] : nil
    let pairs = (halves.count > 1 ? halves[1] : "").split(separator: "&").map { pair in
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (Self.decoded(sides[0]), sides.count > 1 ? Self.decoded(sides[1]) : "")
    }
    query = Dictionary(pairs) { $1 }
  }

  /// `apps`; empty for the core group.
  var group: String {
    apiVersion.firstIndex(of: "/").map { String(apiVersion[..<$0]) } ?? ""
  }

  var isWatch: Bool { name == nil && ["1", "true"].contains(query["watch"] ?? "") }

  /// The conditions of the field selector; nil if it names a field that this server cannot select by.
  var fields: [(key: String, value: String)]? {
    var fields: [(key: String, value: String)] = []
    for term in (query["fieldSelector"] ?? "").split(separator: ",") {
      let sides = term.split(separator: "=").map { String($0) }
      guard sides.count == 2, ["metadata.name", "metadata.namespace", "spec.nodeName"].contains(sides[0]) else {
        return nil
      }
      fields.append((sides[0], sides[1]))
    }
    return fields
  }

  /// RFC 3986 section 2.1; a lone percent sign stands for itself.
  private static func decoded(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let code = UInt8(String(Substring(rest.prefix(2))), radix: 16) {
        bytes.append(code)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
