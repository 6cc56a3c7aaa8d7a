import JSON

/// A file in a runtime's folder of network configurations: a list of plugins, or one plugin alone.
///
/// What libcni demands when it loads the file is checked as far as it decides whether and how a plugin can be added;
/// so is the name, which libcni checks only when the first pod comes.
///
/// Source: CNI specification, "Configuration format"; `libcni/conf.go` of containernetworking/cni 1.3.
package struct NetworkConfigurationFile: Sendable {
  /// What a file holds. Its name decides, not its content.
  package enum Kind: Sendable {
    /// A network configuration list: `.conflist`.
    case list
    /// The configuration of one plugin: `.conf`, and `.json`, which runtimes read as well.
    case plugin

    /// The kind of the file called `fileName`; nil if runtimes do not read it.
    package init?(fileName: String) {
      switch fileName.split(separator: ".", omittingEmptySubsequences: false).dropFirst().last {
      case "conflist": self = .list
      case "conf", "json": self = .plugin
      default: return nil
      }
    }
  }

  /// What the file holds.
  package let kind: Kind

  /// `name`, the network's name, by which runtimes and IPAM plugins file what they remember.
  package let name: String

  /// `cniVersion` as written; nil when there is none, which plugins take for 0.1.0.
  package let version: String?

  /// The type of each plugin, in the order in which they run.
  package let pluginTypes: [String]

  /// Whether runtimes with libcni 1.3 or later run the plugins in the folder of the network's name, which is beside
  /// the file, after those that the file names.
  package let includesFolder: Bool

  /// The bytes, and where everything is.
  let document: JSONDocument

  /// The plugins, as the file spells them; one for a file of kind ``Kind/plugin``.
  let plugins: [JSONNode]

  /// The brackets around them, for a file of kind ``Kind/list``.
  var list: JSONNode { document.root["plugins"] ?? document.root }

  /// Reads the content of a file.
  ///
  /// - Throws: what is wrong with it. ``ConfigurationFault/isLoadable`` says whether it may be passed over.
  /// - Complexity: linear in the number of bytes.
  package init(parsing bytes: [UInt8], kind: Kind) throws(ConfigurationFault) {
    let reader = try FileReader(parsing: bytes)
    document = reader.document
    self.kind = kind
    switch kind {
    case .list:
      name = try reader.name()
      version = try reader.string("cniVersion")
      try reader.checkVersions()
      _ = try reader.bool("disableCheck")
      _ = try reader.bool("disableGC")
      includesFolder = !(try reader.bool("loadOnlyInlinedPlugins"))
      plugins = try reader.plugins(orFolderOf: includesFolder ? name : nil)
      pluginTypes = try plugins.enumerated().map { (index, plugin) throws(ConfigurationFault) in
        try reader.type(of: plugin, "plugins[\(index)].type")
      }
    case .plugin:
      plugins = [reader.root]
      pluginTypes = [try reader.type(of: reader.root, "type")]
      name = try reader.name(isLoadableWithout: true)
      version = try reader.string("cniVersion", orNull: true)
      includesFolder = false
    }
  }

  /// The bytes of a value.
  func text(of node: JSONNode) -> ArraySlice<UInt8> { document.bytes[node.range] }
}

/// The keys of one file, and the faults that they have.
private struct FileReader {
  let document: JSONDocument

  var root: JSONNode { document.root }

  init(parsing bytes: [UInt8]) throws(ConfigurationFault) {
    do throws(JSONError) {
      document = try JSONDocument(parsing: bytes)
    } catch {
      guard bytes.contains(where: { ![0x20, 0x0A, 0x0D, 0x09].contains($0) }) else {
        // What a rename without a flush leaves behind when the power fails.
        throw ConfigurationFault(
          .empty, "the file is empty", remedy: "restore it, or let the CNI plugin that owns it write it anew", at: 0,
          of: bytes)
      }
      throw ConfigurationFault(error)
    }
    guard root.value.object != nil else {
      throw fault(.wrongValue, "the file must hold an object, not: \(root.value.kindName)", at: root)
    }
  }

  /// - Parameter isLoadable: Whether libcni loads the file without a name, to fail for each pod.
  func name(isLoadableWithout isLoadable: Bool = false) throws(ConfigurationFault) -> String {
    guard root["name"] != nil, let name = try string("name", orNull: isLoadable) else {
      throw fault(
        .missingKey, "key \"name\" is missing", remedy: "name the network", isLoadable: isLoadable, at: root)
    }
    guard NameRule.allowsIdentifier(name) else {
      throw fault(
        .wrongValue, "key \"name\" must be a network's name, not \(name.quoted())",
        remedy: "use ASCII letters, digits, \"_\", \".\" and \"-\", and start with a letter or digit",
        isLoadable: true, at: root["name"] ?? root)
    }
    return name
  }

  func type(of plugin: JSONNode, _ path: String) throws(ConfigurationFault) -> String {
    guard plugin.value.object != nil else {
      throw fault(.wrongValue, "a plugin must be an object, not: \(plugin.value.kindName)", at: plugin)
    }
    let node = plugin["type"]
    if let node, node.value != .null, node.value.string == nil {
      throw wrongValue(path, node, expected: "a string")
    }
    if let type = node?.value.string, !type.isEmpty { return type }
    let isList = plugin.range == root.range && root["plugins"] != nil
    throw fault(
      .missingKey, "key \"\(path)\" is missing",
      remedy: isList ? "call the file .conflist, since it is a list" : "name the plugin's program", at: node ?? plugin)
  }

  /// The text at `key`; nil when it is absent, or null where libcni takes that for absent.
  func string(_ key: String, orNull isNullable: Bool = false) throws(ConfigurationFault) -> String? {
    guard let node = root[key], !(isNullable && node.value == .null) else { return nil }
    guard let text = node.value.string else { throw wrongValue(key, node, expected: "a string") }
    return text
  }

  /// A truth value; absent is false. The specification of 0.4.0 wanted a string.
  func bool(_ key: String) throws(ConfigurationFault) -> Bool {
    guard let node = root[key] else { return false }
    switch (node.value.bool, node.value.string?.lowercased()) {
    case (true?, _), (_, "true"): return true
    case (false?, _), (_, "false"): return false
    default: throw wrongValue(key, node, expected: "true or false", isLoadable: true)
    }
  }

  /// `cniVersions`, of which runtimes choose.
  func checkVersions() throws(ConfigurationFault) {
    guard let node = root["cniVersions"] else { return }
    guard node.value.array?.allSatisfy({ $0.string != nil }) == true else {
      throw wrongValue("cniVersions", node, expected: "a list of strings", isLoadable: true)
    }
  }

  /// - Parameter network: The network's name, if its folder may have plugins as well.
  func plugins(orFolderOf network: String?) throws(ConfigurationFault) -> [JSONNode] {
    guard let list = root["plugins"] else {
      guard let network else {
        throw fault(
          .missingKey, "key \"plugins\" is missing, and loadOnlyInlinedPlugins allows no others",
          remedy: "list the plugins", at: root)
      }
      throw fault(
        .noInlinePlugins, "key \"plugins\" is missing, so the plugins are those in the folder \(network)",
        remedy: "list them in the file: an entry added to it would run before them", isLoadable: true, at: root)
    }
    guard list.value.array != nil else { throw wrongValue("plugins", list, expected: "a list") }
    guard !list.elements.isEmpty else {
      throw fault(.missingKey, "key \"plugins\" is an empty list", remedy: "list the plugins", at: list)
    }
    return list.elements
  }

  // MARK: Faults

  /// A key with a value that is not allowed. The value itself may be a secret, or long.
  ///
  /// - Parameter isLoadable: Whether some libcni does not look at the key.
  private func wrongValue(
    _ key: String, _ node: JSONNode, expected: String, isLoadable: Bool = false
  ) -> ConfigurationFault {
    fault(
      .wrongValue, "key \"\(key)\" must be \(expected), not \(node.value.excerpt(to: 40))", isLoadable: isLoadable,
      at: node)
  }

  private func fault(
    _ code: ConfigurationFault.Code, _ problem: String,
    remedy: String = "correct the file, or let the CNI plugin that owns it write it anew", isLoadable: Bool = false,
    at node: JSONNode
  ) -> ConfigurationFault {
    ConfigurationFault(
      code, problem, remedy: remedy, isLoadable: isLoadable, at: node.range.lowerBound, of: document.bytes)
  }
}
