import JSON

extension JSONObject {
  /// The objects of the list at `key`; empty if there is no list.
  func objects(_ key: String) -> [JSONObject] {
    self[key]?.array?.compactMap(\.object) ?? []
  }

  /// Changes the object at a place of the list at `key`.
  mutating func change(_ key: String, at index: Int, _ body: (inout JSONObject) -> Void) {
    guard var list = self[key]?.array, list.indices.contains(index), var object = list[index].object else { return }
    body(&object)
    list[index] = .object(object)
    self[key] = .array(list)
  }

  /// Puts a value into the list at `key`; at its end without an index.
  mutating func insert(_ value: JSONValue, into key: String, at index: Int? = nil) {
    var list = self[key]?.array ?? []
    list.insert(value, at: index ?? list.endIndex)
    self[key] = .array(list)
  }

  /// Where in `interfaces` an interface inside a container stands.
  func interfaceIndex(of name: String, in container: Container) -> Int? {
    self["interfaces"]?.array?.firstIndex {
      $0["name"]?.string == name && $0["sandbox"]?.string == container.path
    }
  }
}
