package import JSON

/// Puts one plugin at the end of a network configuration and takes it out again, without changing another byte.
///
/// What is taken out again is exactly what was put in, so the file is as it was, however it is spelled. Text that
/// is not JSON, or not a network configuration, never gets here: see ``NetworkConfigurationFile``.
package struct ConflistEdit: Sendable {
  /// The type of the plugin that is put in or taken out: "ours".
  package let type: String

  /// Where entries of that type stand among the plugins, counted from 0.
  package let positions: [Int]

  private let file: NetworkConfigurationFile

  private var bytes: [UInt8] { file.document.bytes }

  /// Looks for entries of `type` in `file`.
  package init(of file: NetworkConfigurationFile, type: String) {
    self.file = file
    self.type = type
    positions = file.pluginTypes.indices.filter { file.pluginTypes[$0] == type }
  }

  // MARK: What is there

  /// Whether the last plugin is ours. Then plugins of the network's folder may still come behind it; see
  /// ``NetworkConfigurationFile/includesFolder``.
  package var isLast: Bool { positions.last == file.plugins.count - 1 }

  /// Whether our entry, the last of them if there are several, means the same as `entry`: in any order of keys, and
  /// in any spelling.
  package func matches(_ entry: JSONObject) -> Bool {
    guard let position = positions.last else { return false }
    return file.plugins[position].value.canonical == JSONValue.object(entry).canonical
  }

  /// Whether nothing is to be done: there is one entry of ours, in a list, at the end, and as wanted.
  package func isInPlace(_ entry: JSONObject) -> Bool {
    file.kind == .list && positions.count == 1 && isLast && matches(entry)
  }

  // MARK: Editing

  /// The text of the list whose last plugin is `entry`, and that has no other of its type.
  ///
  /// A list keeps every byte except those of our earlier entries; one that is in place already stays as it is. Of one
  /// plugin alone a list is made as libcni makes it in memory: the plugin's bytes stay, and name and version
  /// become the list's as well. Put down under another name than the file's, the text is the whole chain with ours.
  ///
  /// - Parameter entry: An object whose `type` is ours.
  /// - Throws: ``ConfigurationFault/Code/noOtherPlugin``.
  package func inserting(_ entry: JSONObject) throws(ConfigurationFault) -> [UInt8] {
    precondition(entry["type"] == .string(type), "the entry is of another type")
    if isInPlace(entry) { return bytes }
    guard file.kind == .list, positions.isEmpty else {
      // What stands between two plugins is style only once ours is gone from there.
      let text = file.kind == .list ? try removing() : try wrapping()
      let list = try NetworkConfigurationFile(parsing: text, kind: .list)
      return try ConflistEdit(of: list, type: type).inserting(entry)
    }
    let layout = EntryLayout(of: file.plugins, in: bytes)
    let separator = layout.separator(of: file.plugins, in: file.list.range, of: bytes)
    let end = file.plugins[file.plugins.count - 1].range.upperBound
    return bytes[..<end] + Array((separator + layout.text(of: entry)).utf8) + bytes[end...]
  }

  /// The text without entries of ours.
  ///
  /// - Throws: ``ConfigurationFault/Code/noOtherPlugin``.
  package func removing() throws(ConfigurationFault) -> [UInt8] {
    if positions.isEmpty { return bytes }
    try requireOthers()
    let plugins = file.plugins
    var text = Array(bytes[..<plugins[0].range.lowerBound])
    var isFirst = true
    for (index, plugin) in plugins.enumerated() where file.pluginTypes[index] != type {
      // With every entry goes the comma before it, unless it is the first that stays.
      let start = isFirst ? plugin.range.lowerBound : plugins[index - 1].range.upperBound
      text += bytes[start..<plugin.range.upperBound]
      isFirst = false
    }
    return text + bytes[plugins[plugins.count - 1].range.upperBound...]
  }

  /// The text of the plugin alone of which ``inserting(_:)`` made this list, byte for byte; nil if the list was not
  /// made so, or has been changed since outside our entry and the plugin.
  package func unwrapping() -> [UInt8]? {
    // The file has a plugin and a name, or it would not be here; so all that fails is that it is no such list.
    guard file.kind == .list, let removed = try? removing(),
      let list = try? NetworkConfigurationFile(parsing: removed, kind: .list), list.plugins.count == 1
    else { return nil }
    let range = list.document.root.range
    let text = removed[..<range.lowerBound] + list.text(of: list.plugins[0]) + removed[range.upperBound...]
    guard let plugin = try? NetworkConfigurationFile(parsing: Array(text), kind: .plugin),
      (try? ConflistEdit(of: plugin, type: type).wrapping()) == removed
    else { return nil }
    return Array(text)
  }

  private func requireOthers() throws(ConfigurationFault) {
    guard positions.count < file.plugins.count else {
      throw ConfigurationFault(
        .noOtherPlugin, "\(type.quoted()) is the only plugin",
        remedy: "let the cluster's CNI plugin write its file anew, or delete this one",
        at: file.plugins[0].range.lowerBound, of: bytes)
    }
  }

  /// A list of the one plugin in the file. Without `cniVersion` if the plugin has none: both mean 0.1.0.
  ///
  /// Source: `ConfListFromConf` in `libcni/conf.go` of containernetworking/cni.
  private func wrapping() throws(ConfigurationFault) -> [UInt8] {
    try requireOthers()
    let plugin = file.document.root
    let layout = EntryLayout(of: [plugin], in: bytes)
    var members: [[UInt8]] = []
    func add(_ key: String, _ value: [UInt8]) {
      members.append(Array("\"\(key)\"\(layout.colon)".utf8) + value)
    }
    if file.version != nil, let version = plugin["cniVersion"] { add("cniVersion", Array(file.text(of: version))) }
    if let name = plugin["name"] { add("name", Array(file.text(of: name))) }
    // A folder of the network's name does not count for a plugin alone, and is not to count from now on.
    add("loadOnlyInlinedPlugins", Array("true".utf8))
    add("plugins", [UInt8(ascii: "[")] + file.text(of: plugin) + [UInt8(ascii: "]")])

    var list = Array(bytes[..<plugin.range.lowerBound])
    list += "{\(layout.plugin.open.text)".utf8
    list += members.joined(separator: layout.plugin.between.utf8)
    list += "\(layout.plugin.close.text)}".utf8
    list += bytes[plugin.range.upperBound...]
    return list
  }
}

extension JSONValue {
  /// The same with keys sorted and integers in digits, as writers that hold objects in hash tables leave it.
  fileprivate var canonical: JSONValue {
    switch self {
    case .object(let object):
      .object(JSONObject(object.members.map { ($0.key, $0.value.canonical) }.sorted { $0.0 < $1.0 }))
    case .array(let elements): .array(elements.map(\.canonical))
    case .number(let number): .number(number.int.map { JSONNumber($0) } ?? number)
    case .null, .bool, .string: self
    }
  }
}
