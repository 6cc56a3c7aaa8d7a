import CNI
import JSON

/// The keys of one configuration file, with errors that name it.
struct ConfigurationReader {
  let file: String
  let object: JSONObject

  init(parsing bytes: [UInt8], file: String) throws(NetworkListError) {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue(parsing: bytes)
    } catch {
      throw NetworkListError(file: file, key: nil, reason: "not JSON: \(error)")
    }
    guard let object = value.object else {
      throw NetworkListError(file: file, key: nil, reason: "must be an object, not: \(value.kindName)")
    }
    self.file = file
    self.object = object
  }

  func requiredString(_ key: String) throws(NetworkListError) -> String {
    guard let text = try string(key), !text.isEmpty else { throw error(key, "missing") }
    return text
  }

  /// A truth value; absent is false. The specification of 0.4.0 wanted a string, and both are still written.
  func bool(_ key: String) throws(NetworkListError) -> Bool {
    switch object[key] {
    case nil: return false
    case .bool(let truth)?: return truth
    case .string(let text)?:
      switch text.lowercased() {
      case "true": return true
      case "false": return false
      default: throw error(key, "must be true or false, not \"\(text)\"")
      }
    case let value?: throw error(key, "must be true or false, not: \(value.kindName)")
    }
  }

  /// `cniVersion`; empty when absent.
  func statedVersion() throws(NetworkListError) -> String {
    let version = try string("cniVersion") ?? ""
    try check(version, "cniVersion")
    return version
  }

  /// The highest version of `cniVersions` and `cniVersion` that is known here; `cniVersion` when none is.
  func version() throws(NetworkListError) -> String {
    let stated = try statedVersion()
    guard let value = object["cniVersions"] else { return stated }
    guard let elements = value.array else { throw error("cniVersions", "must be a list, not: \(value.kindName)") }
    var candidates = stated.isEmpty ? [] : [stated]
    for (index, element) in elements.enumerated() {
      let key = "cniVersions[\(index)]"
      guard let version = element.string else { throw error(key, "must be a string, not: \(element.kindName)") }
      try check(version, key)
      candidates.append(version)
    }
    return candidates.compactMap { SpecVersion(rawValue: $0) }.max()?.rawValue ?? stated
  }

  /// `plugins`; nil when absent.
  func plugins() throws(NetworkListError) -> [JSONObject]? {
    guard let value = object["plugins"] else { return nil }
    guard let elements = value.array else { throw error("plugins", "must be a list, not: \(value.kindName)") }
    // Even if the network's folder has plugins: who writes the key must name some.
    guard !elements.isEmpty else { throw error("plugins", "must not be empty") }
    var plugins: [JSONObject] = []
    for (index, element) in elements.enumerated() {
      guard let plugin = element.object else {
        throw error("plugins[\(index)]", "must be an object, not: \(element.kindName)")
      }
      guard let type = plugin["type"]?.string, !type.isEmpty else { throw error("plugins[\(index)].type", "missing") }
      plugins.append(plugin)
    }
    return plugins
  }

  private func string(_ key: String) throws(NetworkListError) -> String? {
    guard let value = object[key] else { return nil }
    guard let text = value.string else { throw error(key, "must be a string, not: \(value.kindName)") }
    return text
  }

  private func check(_ version: String, _ key: String) throws(NetworkListError) {
    if VersionNumber(version) == nil { throw error(key, "\"\(version)\" is not a version") }
  }

  private func error(_ key: String, _ reason: String) -> NetworkListError {
    NetworkListError(file: file, key: key, reason: reason)
  }
}
