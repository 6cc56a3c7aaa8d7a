import CNI
import JSON

/// Runs the plugins of a network configuration list for one container, as section 3 of the specification tells runtimes
/// to: ADD along the list, CHECK with the final result, DEL backwards with the final result.
struct ListDriver: Sendable {
  let container: Container
  let entries: [ListEntry]
  /// The list's `cniVersion`: the newest that all its plugins have.
  let version: SpecVersion
  /// What was there before the first plugin.
  let previous: JSONObject?

  /// - Parameter onto: What was there before the first plugin, in the newest version.
  /// - Throws: `Inapplicable` if the plugins have no version from `oldest` on in common.
  init(
    _ entries: [ListEntry], for container: Container, since oldest: SpecVersion = .v0_4_0,
    onto previous: JSONObject? = nil
  ) throws {
    self.container = container
    self.entries = entries
    let shared = SpecVersion.allSupported.filter { version in
      version <= container.node.lab.version && entries.allSatisfy { $0.versions.contains(version) }
    }
    guard let version = shared.last, version >= oldest else {
      throw Inapplicable("the plugins of the list have no version from \(oldest.rawValue) on in common")
    }
    self.version = version
    self.previous = try previous.map { try AttachmentResult(previous: $0, version: .newest).rendered(as: version) }
  }

  /// ADD, each plugin with the result of the one before it.
  ///
  /// - Returns: What each returned, the final result last.
  func add() throws -> [JSONObject] {
    var results: [JSONObject] = []
    for entry in entries {
      results.append(
        try attempt(entry.name) { try run(.ADD, entry, with: results.last ?? previous).result() })
    }
    return results
  }

  /// CHECK of one plugin with the final result.
  func check(_ entry: ListEntry, result: JSONObject) throws {
    try attempt(entry.name) { _ = try run(.CHECK, entry, with: result).succeed() }
  }

  /// DEL backwards with the final result; ends with the first error.
  func delete(result: JSONObject) throws {
    for entry in entries.reversed() {
      try attempt(entry.name) { _ = try run(.DEL, entry, with: result).succeed() }
    }
  }

  private func run(_ verb: Command, _ entry: ListEntry, with result: JSONObject?) throws -> Reply {
    var call = try container.call(verb)
    call.executable = entry.executable
    call.configuration = entry.configuration
    call.configuration["capabilities"] = nil
    call.configuration["cniVersion"] = .string(version.rawValue)
    call.configuration["name"] = .string(Call.networkName)
    call.configuration["runtimeConfig"] = entry.runtimeConfiguration.map { .object($0) }
    call.configuration["prevResult"] = result.map { .object($0) }
    return try container.node.run(call)
  }
}

/// A plugin of a list.
struct ListEntry: Sendable {
  let executable: String
  let configuration: JSONObject
  let runtimeConfiguration: JSONObject?
  let versions: [SpecVersion]
  let isSubject: Bool

  /// Its type, for reports.
  var name: String { configuration["type"]?.string ?? executable }
}

extension Lab {
  /// The subject's own place in a list.
  var subjectEntry: ListEntry {
    ListEntry(
      executable: subject.path, configuration: manifest.configuration,
      runtimeConfiguration: manifest.runtimeConfiguration, versions: subject.versions, isSubject: true)
  }

  /// A plugin out of the plugin folders.
  ///
  /// - Throws: `Inapplicable` if it is not installed.
  func installed(_ configuration: JSONObject, runtimeConfiguration: JSONObject? = nil) throws -> ListEntry {
    let type = configuration["type"]?.string ?? ""
    guard let path = try? pluginPath(type, in: subject.pluginFolders) else {
      throw Inapplicable("the reference plugin \(type) is not installed")
    }
    let plugin = try Subject(path: path, manifest: Manifest(role: .chained, configuration: configuration))
    return ListEntry(
      executable: path, configuration: configuration, runtimeConfiguration: runtimeConfiguration,
      versions: plugin.versions, isSubject: false)
  }
}
