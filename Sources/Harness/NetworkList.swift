package import CNI
package import JSON

/// A network configuration list: which plugins a runtime runs, in which order and version.
package struct NetworkList: Sendable, Equatable {
  /// The network's name; every plugin gets it.
  package let name: String
  /// The version in which every plugin is spoken to; empty if the list names none, which means 0.1.0.
  package let version: String
  /// The plugins' own configurations, as written.
  package let plugins: [JSONObject]
  /// `disableCheck`: CHECK is never run.
  package let disablesCheck: Bool
  /// `disableGC`: neither GC is run, nor the DELs that libcni makes in its course.
  package let disablesGC: Bool

  package init(
    name: String, version: String, plugins: [JSONObject], disablesCheck: Bool = false, disablesGC: Bool = false
  ) {
    self.name = name
    self.version = version
    self.plugins = plugins
    self.disablesCheck = disablesCheck
    self.disablesGC = disablesGC
  }

  /// Whether plugins of this list may be asked for a verb.
  package func knows(_ command: Command) -> Bool {
    // An unreadable version does not pass the parser; a list made by hand is taken at its oldest.
    guard let version = VersionNumber(version), let introduced = VersionNumber(command.introduced.rawValue) else {
      return command == .ADD || command == .DEL
    }
    return version >= introduced
  }
}

// MARK: - Reading

extension NetworkList {
  /// Reads a `.conflist` file.
  ///
  /// Source: CNI specification, "Configuration format"; `NetworkConfFromFile` of containernetworking/cni.
  ///
  /// - Parameters:
  ///   - bytes: The file's content.
  ///   - file: Its name, for errors.
  ///   - folder: The folder that it is in, for the plugins that `loadOnlyInlinedPlugins` does not keep out.
  package init(
    parsing bytes: [UInt8], file: String, in folder: ConfigurationFolder = ConfigurationFolder(files: [:])
  ) throws(NetworkListError) {
    let reader = try ConfigurationReader(parsing: bytes, file: file)
    let name = try reader.requiredString("name")
    let onlyInlined = try reader.bool("loadOnlyInlinedPlugins")
    var plugins = try reader.plugins() ?? []
    if onlyInlined, plugins.isEmpty {
      throw NetworkListError(file: file, key: "plugins", reason: "missing, and loadOnlyInlinedPlugins allows no others")
    }
    if !onlyInlined { plugins += try folder.plugins(of: name) }
    guard !plugins.isEmpty else {
      throw NetworkListError(file: file, key: "plugins", reason: "missing, and the folder \(name) has none either")
    }
    self.init(
      name: name, version: try reader.version(), plugins: plugins, disablesCheck: try reader.bool("disableCheck"),
      disablesGC: try reader.bool("disableGC"))
  }

  /// Makes a list of the one plugin in a `.conf` or `.json` file. Its keys for lists, such as `disableCheck`, do
  /// nothing.
  package init(parsingPlugin bytes: [UInt8], file: String) throws(NetworkListError) {
    let reader = try ConfigurationReader(parsing: bytes, file: file)
    _ = try reader.requiredString("type")
    self.init(
      name: try reader.requiredString("name"), version: try reader.statedVersion(), plugins: [reader.object])
  }
}

/// Why a network configuration cannot be used.
package struct NetworkListError: Error, Equatable, CustomStringConvertible {
  package let file: String
  /// The key at fault; nil when the file as a whole is.
  package let key: String?
  package let reason: String

  package var description: String { [file, key, reason].compactMap(\.self).joined(separator: ": ") }
}

/// Versions as libcni orders them: parts that are left out count as 0, and none at all is 0.1.0.
struct VersionNumber: Comparable {
  private let parts: [Int]

  init?(_ text: String) {
    let texts = text.isEmpty ? ["0", "1", "0"] : text.split(separator: ".", omittingEmptySubsequences: false)
    let parts = texts.compactMap { Int($0) }
    guard parts.count == texts.count, parts.count <= 3, parts.allSatisfy({ $0 >= 0 }) else { return nil }
    self.parts = parts + Array(repeating: 0, count: 3 - parts.count)
  }

  static func < (left: VersionNumber, right: VersionNumber) -> Bool {
    left.parts.lexicographicallyPrecedes(right.parts)
  }
}
