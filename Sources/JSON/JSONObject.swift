/// The members of a JSON object, in the order in which they were written.
///
/// Two objects are equal when they have the same members in the same order. Keys are compared as Swift compares
/// strings, so the composed and the decomposed spelling of `é` are one key.
package struct JSONObject: Sendable {
  /// Keys and values, each key once.
  package private(set) var members: [(key: String, value: JSONValue)]

  /// Makes an object without members.
  package init() {
    members = []
  }

  /// Makes an object of `members`, whose keys must differ from each other.
  package init(_ members: [(String, JSONValue)]) {
    var keys = KeyRegister()
    self.members = []
    self.members.reserveCapacity(members.count)
    for (key, value) in members {
      precondition(keys.isNew(key, after: self.members), "key \(key) occurs twice")
      self.members.append((key, value))
    }
  }

  /// Makes an object of members whose keys the parser has found to be different.
  init(checked members: [(key: String, value: JSONValue)]) {
    self.members = members
  }

  /// Whether there are no members.
  package var isEmpty: Bool { members.isEmpty }

  /// The number of members.
  package var count: Int { members.count }

  /// The keys, in order.
  package var keys: [String] { members.map(\.key) }

  /// The value at `key`. Setting replaces it in its place or appends it; setting nil removes the member.
  ///
  /// - Complexity: linear in the number of members, which for the objects met in practice is faster than hashing.
  package subscript(key: String) -> JSONValue? {
    get { members.first { $0.key == key }?.value }
    set {
      let index = members.firstIndex { $0.key == key }
      switch (index, newValue) {
      case (let index?, let value?): members[index].value = value
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append((key, value))
      case (nil, nil): break
      }
    }
  }
}

extension JSONObject: Equatable {
  package static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.members.elementsEqual(right.members, by: ==)
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral members: (String, JSONValue)...) {
    self.init(members)
  }
}

/// Tells whether a key is new to an object: by comparing while members are few, by hashing when they are many.
struct KeyRegister {
  private static let comparedCount = 16
  private var hashed: Set<String> = []

  /// Records `key`; `members` are those recorded before it.
  mutating func isNew(_ key: String, after members: [(key: String, value: JSONValue)]) -> Bool {
    if members.count < Self.comparedCount {
      return !members.contains { $0.key == key }
    }
    if hashed.isEmpty {
      hashed = Set(members.lazy.map(\.key))
    }
    return hashed.insert(key).inserted
  }
}
