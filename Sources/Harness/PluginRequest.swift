package import CNI
package import JSON

/// What a runtime knows of one interface of one container, beside the network's configuration.
package struct AttachmentParameters: Sendable, Equatable {
  /// `CNI_CONTAINERID`.
  package var containerID: String
  /// `CNI_IFNAME`.
  package var interface: String
  /// `CNI_NETNS`; empty when the namespace is closed.
  package var namespacePath: String
  /// `CNI_ARGS`, one `KEY=value` each.
  package var arguments: [String]
  /// What the runtime can offer to plugins that declare a capability, by the capability's name.
  package var capabilityValues: JSONObject

  package init(
    containerID: String, interface: String, namespacePath: String, arguments: [String] = [],
    capabilityValues: JSONObject = [:]
  ) {
    self.containerID = containerID
    self.interface = interface
    self.namespacePath = namespacePath
    self.arguments = arguments
    self.capabilityValues = capabilityValues
  }
}

/// One verb as a runtime asks it, with what belongs to it and to no other.
package enum PluginRequest: Sendable, Equatable {
  /// - Parameter previous: The result of the plugin before; nil for the first.
  case add(AttachmentParameters, previous: JSONObject?)
  /// - Parameter result: What ADD returned in the end; nil breaks the specification.
  case check(AttachmentParameters, result: JSONObject?)
  /// - Parameter result: What ADD returned in the end; nil when the runtime has lost it, or ADD has failed.
  case delete(AttachmentParameters, result: JSONObject?)
  /// - Parameter valid: The attachments to leave alone; nil to say nothing of them, as `cnitool gc` does.
  case collectGarbage(valid: [Attachment]?)
  case status
  case version
}

extension PluginRequest {
  package var command: Command {
    switch self {
    case .add: .ADD
    case .check: .CHECK
    case .delete: .DEL
    case .collectGarbage: .GC
    case .status: .STATUS
    case .version: .VERSION
    }
  }

  private var attachment: AttachmentParameters? {
    switch self {
    case .add(let attachment, _), .check(let attachment, _), .delete(let attachment, _): attachment
    case .collectGarbage, .status, .version: nil
    }
  }

  /// The CNI variables. All six are always there; what a verb has no use for is empty.
  ///
  /// Source: `AsEnv` and `GetVersionInfo` of containernetworking/cni: VERSION carries a word for the sake of old plugins.
  ///
  /// - Parameter path: `CNI_PATH`.
  package func environment(path: String) -> [String: String] {
    let word = command == .VERSION ? "dummy" : ""
    return [
      "CNI_COMMAND": command.rawValue,
      "CNI_CONTAINERID": attachment?.containerID ?? "",
      "CNI_NETNS": attachment?.namespacePath ?? word,
      "CNI_IFNAME": attachment?.interface ?? word,
      "CNI_ARGS": attachment?.arguments.joined(separator: ";") ?? "",
      "CNI_PATH": command == .VERSION ? word : path,
    ]
  }

  /// The object for standard input.
  ///
  /// Source: CNI specification, "Deriving request configuration from plugin configuration"; `buildOneConfig` of
  /// containernetworking/cni, which leaves `capabilities` in although the specification wants it out.
  ///
  /// - Parameters:
  ///   - plugin: The plugin's own configuration.
  ///   - list: The list that it is in.
  package func input(for plugin: JSONObject, of list: NetworkList) -> JSONObject {
    if case .version = self { return ["cniVersion": .string(SpecVersion.newest.rawValue)] }
    var input = plugin
    input["name"] = .string(list.name)
    input["cniVersion"] = .string(list.version)
    if let values = attachment.map({ Self.runtimeConfig(for: plugin, from: $0.capabilityValues) }), !values.isEmpty {
      input["runtimeConfig"] = .object(values)
    }
    switch self {
    case .add(_, let result?), .check(_, let result?): input["prevResult"] = .object(result)
    // Results are kept for DEL since there is CHECK.
    case .delete(_, let result?) where list.knows(.CHECK): input["prevResult"] = .object(result)
    case .collectGarbage(let valid?):
      let attachments = JSONValue.array(
        valid.map { ["containerID": .string($0.containerID), "ifname": .string($0.interfaceName)] })
      // The text of 1.1.0 names the second, later ones the first.
      input["cni.dev/valid-attachments"] = attachments
      input["cni.dev/attachments"] = attachments
    case .add, .check, .delete, .collectGarbage, .status, .version: break
    }
    return input
  }

  /// The values of the capabilities that a plugin declares and the runtime has.
  private static func runtimeConfig(for plugin: JSONObject, from values: JSONObject) -> JSONObject {
    var config: JSONObject = [:]
    for (capability, isDeclared) in plugin["capabilities"]?.object?.members ?? [] where isDeclared == true {
      if let value = values[capability] { config[capability] = value }
    }
    return config
  }
}
