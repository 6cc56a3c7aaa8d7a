import JSON

/// What the results of two attachments have in common if they were asked for with the same configuration: members,
/// counts, numbers and version labels, but neither names nor addresses.
enum ResultOutline {
  static func outline(_ result: JSONObject) -> JSONObject {
    JSONObject(result.members.map { ($0.key, outline($0.value, key: $0.key)) })
  }

  private static func outline(_ value: JSONValue, key: String) -> JSONValue {
    switch value {
    case .object(let object): .object(outline(object))
    case .array(let elements): .array(elements.map { outline($0, key: key) })
    case .string(let text): ["cniVersion", "version"].contains(key) || text.isEmpty ? value : "text"
    case .number(let number): number.int.map { .number(JSONNumber($0)) } ?? value
    case .bool, .null: value
    }
  }
}

/// Checks that a result has the shape of another one.
func expectSameShape(_ result: JSONObject, as wanted: JSONObject) throws {
  if let difference = Equivalence.difference(ResultOutline.outline(wanted), ResultOutline.outline(result)) {
    throw Discrepancy("the result differs in its shape: \(difference)")
  }
}
