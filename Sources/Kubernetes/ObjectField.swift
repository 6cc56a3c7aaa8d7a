package import JSON

/// A place in an object, with the path that leads to it: `spec.containers[0].name`.
package struct ObjectField {
  package let path: String
  /// An absent field is null, which Kubernetes treats alike.
  package let value: JSONValue

  /// A field whose type is not the one Kubernetes gives it.
  package struct Fault: Error, Sendable, Equatable {
    package let problem: String

    package init(problem: String) {
      self.problem = problem
    }
  }

  package init(path: String, value: JSONValue) {
    self.path = path
    self.value = value
  }

  /// The member `key` of a mapping; null in an absent one.
  package subscript(key: String) -> ObjectField {
    get throws(Fault) {
      switch value {
      case .object(let members): child(key, members[key])
      case .null: child(key, nil)
      default: throw mismatch("an object")
      }
    }
  }

  /// A string; nil if the field is absent.
  package func string() throws(Fault) -> String? {
    switch value {
    case .string(let text): text
    case .null: nil
    default: throw mismatch("a string")
    }
  }

  /// A string that is there and not empty.
  package func requiredString() throws(Fault) -> String {
    guard let text = try string(), !text.isEmpty else { throw Fault(problem: "\(path) is missing") }
    return text
  }

  /// A boolean; nil if the field is absent.
  package func bool() throws(Fault) -> Bool? {
    switch value {
    case .bool(let truth): truth
    case .null: nil
    default: throw mismatch("a boolean")
    }
  }

  /// An integer; nil if the field is absent.
  package func integer() throws(Fault) -> Int64? {
    if value == .null { return nil }
    guard let integer = value.int else { throw mismatch("a 64-bit integer") }
    return Int64(integer)
  }

  /// The elements of an array; none if the field is absent.
  package func elements() throws(Fault) -> [ObjectField] {
    switch value {
    case .array(let elements):
      elements.enumerated().map { ObjectField(path: "\(path)[\($0.offset)]", value: $0.element) }
    case .null: []
    default: throw mismatch("an array")
    }
  }

  /// A mapping of strings to strings, as labels and annotations are.
  package func strings() throws(Fault) -> [String: String] {
    switch value {
    case .object(let members):
      var strings: [String: String] = [:]
      for (key, value) in members.members {
        guard let text = value.string else { throw Fault(problem: "\(path)[\(key.prefix(80))] is not a string") }
        strings[key] = text
      }
      return strings
    case .null: return [:]
    default: throw mismatch("an object")
    }
  }

  private func child(_ key: String, _ value: JSONValue?) -> ObjectField {
    ObjectField(path: path.isEmpty ? key : "\(path).\(key)", value: value ?? .null)
  }

  private func mismatch(_ expected: String) -> Fault {
    Fault(problem: "\(path.isEmpty ? "the object" : path) is not \(expected) but a JSON \(value.kindName)")
  }
}
