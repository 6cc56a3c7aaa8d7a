import JSON

/// A mapping within a kubeconfig, with the path that leads to it.
///
/// Error texts name fields and entries; values stay out of them, apart from the names that entries refer to each
/// other by.
struct KubeconfigSection {
  /// `clusters[local]`; empty at the root.
  let path: String
  private let members: JSONObject

  private init(path: String, _ value: JSONValue?) throws(KubeconfigFault) {
    guard let members = value?.object else {
      throw KubeconfigFault("\(path.isEmpty ? "the kubeconfig" : path) is not a mapping")
    }
    self.path = path
    self.members = members
  }

  /// Reads a whole text: JSON if it begins with a brace, otherwise YAML.
  init(documentOf text: [UInt8]) throws(KubeconfigFault) {
    let value: JSONValue
    if text.first(where: { $0 > 0x20 }) == Byte.openBrace {
      do throws(JSONError) { value = try JSONValue(parsing: text) } catch { throw KubeconfigFault("\(error)") }
    } else {
      do throws(KubeconfigTextError) {
        value = try KubeconfigText.value(of: text)
      } catch {
        throw KubeconfigFault("\(error)")
      }
    }
    try self.init(path: "", value)
  }

  /// The mapping `field` of the entry called `name` in the list `list`.
  func entry(named name: String, of list: String, holding field: String) throws(KubeconfigFault) -> KubeconfigSection {
    guard let entries = members[list]?.array else { throw KubeconfigFault("\(list) is not a list") }
    let named = entries.filter { $0["name"]?.string == name }
    let path = "\(list)[\(name.prefix(60))]"
    guard let entry = named.first else { throw KubeconfigFault("\(path) does not exist") }
    guard named.count == 1 else { throw KubeconfigFault("\(path) exists \(named.count) times") }
    return try KubeconfigSection(path: path, entry[field])
  }

  /// The text at `key`; nil if there is none.
  func string(_ key: String) throws(KubeconfigFault) -> String? {
    switch members[key] {
    case nil, .null: return nil
    case .string(let text): return text
    default: throw KubeconfigFault("\(name(key)) is not a text")
    }
  }

  func requiredString(_ key: String) throws(KubeconfigFault) -> String {
    guard let text = try string(key), !text.isEmpty else { throw KubeconfigFault("\(name(key)) is missing") }
    return text
  }

  func bool(_ key: String) throws(KubeconfigFault) -> Bool? {
    switch members[key] {
    case nil, .null: return nil
    case .bool(let truth): return truth
    default: throw KubeconfigFault("\(name(key)) is neither true nor false")
    }
  }

  /// Throws if any of these fields is there: ignoring it would change what the kubeconfig means.
  func refuse(_ keys: [String]) throws(KubeconfigFault) {
    for key in keys {
      if let value = members[key], value != .null {
        throw KubeconfigFault(
          "\(name(key)) is not supported", advice: "the plugin authenticates with token or tokenFile alone")
      }
    }
  }

  private func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}
