/// Conditions on a pod's fields, all of which must hold: `metadata.namespace=shop,status.phase!=Running`.
///
/// They are evaluated here, on the one watch of the node's pods, so that only what is kept of a pod can be asked for.
package struct FieldSelector: Sendable, Equatable {
  enum Field: String, Sendable, CaseIterable {
    case name = "metadata.name"
    case namespace = "metadata.namespace"
    case nodeName = "spec.nodeName"
    case phase = "status.phase"
  }

  private struct Condition: Equatable {
    let field: Field
    let value: String
    let isEqual: Bool
  }

  private var conditions: [Condition] = []

  /// Matches every pod.
  package init() {}

  /// - Parameter text: as in a list's `fieldSelector`, with `=`, `==` and `!=`.
  package init(_ text: String) throws(SelectorFault) {
    for item in text.listItems {
      guard let operation = ["!=", "==", "="].first(where: { item.contains($0) }),
        let range = item.firstRange(of: operation)
      else {
        throw SelectorFault(
          problem: "has an item that is no condition: \(item)", remedy: "write FIELD=VALUE or FIELD!=VALUE")
      }
      let name = String(item[..<range.lowerBound]).trimmed
      let value = String(item[range.upperBound...]).trimmed
      guard let field = Field(rawValue: name) else {
        throw SelectorFault(
          problem: "has a condition on the field \(name), which is not kept of pods",
          remedy: "use \(Field.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      let isName = value.utf8.allSatisfy {
        $0.isASCIILetterOrDigit || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
      }
      guard isName else {
        throw SelectorFault(
          problem: "compares \(name) with what no pod has there: \(value)",
          remedy: "use letters, digits, \"-\" and \".\"")
      }
      conditions.append(Condition(field: field, value: value, isEqual: operation != "!="))
    }
  }

  func matches(_ fields: [Field: String]) -> Bool {
    conditions.allSatisfy { (fields[$0.field] == $0.value) == $0.isEqual }
  }
}

/// Why a text is no selector, as the rest of a sentence that begins with it, and what to do.
package struct SelectorFault: Error, Sendable, Equatable {
  package let problem: String
  package let remedy: String
}

extension UInt8 {
  var isASCIILetterOrDigit: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}
