import JSON
import Redirect

/// Everything that is set, read and checked.
package struct AgentSettings: Sendable, Equatable {
  /// Where the agent learns of changes of its ConfigMap.
  package enum ConfigSource: String, Sendable {
    /// From the files that kubelet keeps.
    case mounted
    /// From the API server.
    case api
  }

  package let layout: NodeLayout
  package let placement: Wanted.Placement
  /// Our entry; its namespace is empty when `POD_NAMESPACE` is not set.
  package var entry: PluginEntry

  /// `https://10.96.0.1:443`; nil when the container was not told where the API server is.
  package let server: String?
  /// Whether the API server's certificate is looked at.
  package let verifiesServer: Bool
  /// PEM: `KUBE_CA_FILE`.
  package let authorityFile: String
  /// Where the plugin sees the ServiceAccount's folder, if it does.
  package let serviceAccountHostFolder: String?
  package let kubeconfigMode: UInt32
  package let newFileMode: UInt32

  /// The node's name, when it is set.
  package let nodeName: String?
  /// The agent's pod, when it is set.
  package let podName: String?
  package let podUID: String?
  package let daemonSetName: String
  package let configSource: ConfigSource
  package let configFolder: String
  package let configMapName: String
  package let audit: AuditSettings
  /// Nil: no such endpoint.
  package let healthPort: Int?
  package let monitoringPort: Int?
  /// Whether the plugin is tested end to end.
  package let testsItself: Bool
  /// Whether the node loses its taint once that has succeeded.
  package let untaintsNode: Bool
  package let logLevels: LogLevels
  package let logsJSON: Bool
  /// What is done about pods that started without their redirect.
  package let podRepair: PodRepairSettings

  /// What people should know about values that are allowed and are likely a mistake.
  package let warnings: [String]

  /// Reads values by the names that they have in the three places.
  ///
  /// - Parameter flags: by their names without dashes.
  /// - Throws: the first value that is not allowed.
  package init(
    flags: [String: String], configMap: [String: String], environment: [String: String]
  ) throws(SettingFault) {
    try self.init(SettingValues(flags: flags, configMap: configMap, environment: environment))
  }

  package init(_ values: SettingValues) throws(SettingFault) {
    if try values.bool(.ambient) {
      throw values.fault(.ambient, "is not supported", "this agent does sidecars; set it to false")
    }
    let layout = try NodeLayout(values)
    let isChained = try values.bool(.chained)
    self.layout = layout
    placement = try Wanted.Placement(values, isChained: isChained)

    server = try Self.server(values)
    verifiesServer = try !values.bool(.skipsVerification)
    authorityFile = try values.path(.authorityFile) ?? "\(layout.serviceAccountFolder)/ca.crt"
    serviceAccountHostFolder = try values.path(.serviceAccountHostFolder)
    kubeconfigMode = try values.mode(.kubeconfigMode)
    newFileMode = try values.bool(.groupReads) ? 0o640 : 0o600

    nodeName = try values.name(.nodeName)
    podName = try values.name(.podName)
    podUID = values.text(.podUID)
    daemonSetName = try values.name(.daemonSetName) ?? Setting.daemonSetName.standard
    configSource = try values.choice(.configSource).flatMap { ConfigSource(rawValue: $0) } ?? .mounted
    configFolder = try values.path(.configFolder) ?? Setting.configFolder.standard
    configMapName = try values.name(.configMapName) ?? Setting.configMapName.standard
    audit = try AuditSettings(values)
    healthPort = try values.port(.healthPort)
    monitoringPort = try values.port(.monitoringPort)
    testsItself = try values.bool(.selfTest)
    untaintsNode = try values.bool(.untaintsNode)
    let levels = try Self.logLevels(values)
    logLevels = levels
    logsJSON = try values.bool(.logsJSON)
    entry = try PluginEntry(values, logLevel: levels.plugin)
    podRepair = try PodRepairSettings(values)

    var warnings = try PodRepairSettings.warnings(values)
    if !isChained, try values.bool(.owned) {
      warnings.append("ISTIO_OWNED_CNI_CONFIG has no effect while CHAINED_CNI_PLUGIN is false")
    }
    if untaintsNode, !testsItself {
      warnings.append("UNTAINT_NODE has no effect while SELF_TEST is false")
    }
    if !levels.unknownScopes.isEmpty {
      warnings.append(
        "LOG_OUTPUT_LEVEL names scopes that do not exist: \(levels.unknownScopes.joined(separator: ", "))")
    }
    self.warnings = warnings
  }

  /// A URL with a numeric address, as the plugin needs it.
  private static func server(_ values: SettingValues) throws(SettingFault) -> String? {
    let scheme = try values.choice(.serverProtocol) ?? "https"
    guard let host = values.text(.serverHost), let port = try values.integer(.serverPort) else { return nil }
    let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    guard let address = IPAddress(bare) else {
      throw values.fault(
        .serverHost, "is not a numeric address",
        "static binaries do not resolve names; set the address that the name stands for")
    }
    return "\(scheme)://\(address.family == .v6 ? "[\(bare)]" : bare):\(port)"
  }

  private static func logLevels(_ values: SettingValues) throws(SettingFault) -> LogLevels {
    let words = LogVerbosity.words.joined(separator: ", ")
    let standard = values.text(.logLevel) ?? ""
    guard let level = LogVerbosity(istio: standard) else {
      throw values.fault(.logLevel, "is not a level", "use one of: \(words)")
    }
    let text = values.text(.outputLevel) ?? ""
    guard let levels = LogLevels(text, fallback: level) else {
      throw values.fault(
        .outputLevel, "is not a list of levels",
        "write info, or default:info,cni-agent:debug,cni-plugin:warn; levels are \(words)")
    }
    return levels
  }
}

// MARK: - Parts

extension NodeLayout {
  fileprivate init(_ values: SettingValues) throws(SettingFault) {
    let folder = try values.path(.configurationFolder) ?? Setting.configurationFolder.standard
    self.init(
      binarySource: try values.path(.binarySource) ?? Setting.binarySource.standard,
      binaryTargets: try values.paths(.binaryTargets),
      configurationFolder: folder,
      runDirectory: try values.path(.runDirectory) ?? Setting.runDirectory.standard,
      serviceAccountFolder: try values.path(.serviceAccountFolder) ?? Setting.serviceAccountFolder.standard,
      stateFolder: try values.path(.stateFolder) ?? "\(folder)/.istio-cni",
      cacheFolder: try values.path(.cacheFolder) ?? Setting.cacheFolder.standard)
    if binaryTargets.contains(binarySource) {
      throw values.fault(
        .binaryTargets, "has the folder of CNI_BIN_SOURCE_DIR in it", "name the folders where the plugin is to go")
    }
  }
}

extension Wanted.Placement {
  fileprivate init(_ values: SettingValues, isChained: Bool) throws(SettingFault) {
    guard isChained else {
      self = .standalone(fileName: try values.fileName(.configurationName, endings: [".conf"]) ?? "YYY-istio-cni.conf")
      return
    }
    let name = try values.fileName(.configurationName)
    guard try values.bool(.owned) else {
      // Checked all the same: a mistake there is better found now than when the mode is turned on.
      _ = try values.fileName(.ownedName)
      self = .chained(fileName: name)
      return
    }
    let owned = try values.fileName(.ownedName) ?? Setting.ownedName.standard
    if owned == name {
      throw values.fault(
        .ownedName, "is the file of CNI_CONF_NAME as well", "CNI_CONF_NAME names the primary plugin's file")
    }
    self = .owned(fileName: owned, primary: name)
  }
}

extension PluginEntry {
  fileprivate init(_ values: SettingValues, logLevel: LogVerbosity) throws(SettingFault) {
    var own = JSONObject()
    if let backend = try values.choice(.backend) { own["redirect_backend"] = .string(backend) }
    if let deadline = try values.integer(.deadline) { own["deadline_seconds"] = .number(JSONNumber(deadline)) }
    if let scope = try values.choice(.dnsCapture) { own["dns_capture"] = .string(scope) }
    for (key, setting) in [
      ("proxy_outbound_port", Setting.outboundPort), ("proxy_inbound_port", .inboundPort),
      ("proxy_tunnel_port", .tunnelPort), ("proxy_dns_port", .dnsPort),
    ] {
      if let port = try values.integer(setting) { own[key] = .number(JSONNumber(port)) }
    }
    for (key, setting) in [
      ("outbound_owner_groups", Setting.ownerGroups), ("outbound_owner_groups_exclude", .excludedOwnerGroups),
    ] {
      if let groups = try values.groups(setting) { own[key] = .string(groups) }
    }
    if let prefix = try values.loopback(.loopback) { own["outbound_ipv4_loopback_cidr"] = .string(prefix) }
    self.init(
      logLevel: logLevel, runDirectory: try values.path(.runDirectory) ?? Setting.runDirectory.standard,
      excludedNamespaces: values.text(.excludedNamespaces)?.listItems ?? [],
      podNamespace: try values.name(.podNamespace) ?? "", nativeNftables: try values.bool(.nativeNftables),
      ownKeys: own)
  }
}

extension SettingValues {
  /// Checked by the plugin's own reader.
  fileprivate func groups(_ setting: Setting) throws(SettingFault) -> String? {
    guard let (text, _) = value(setting) else { return nil }
    let value = Redirect.Setting(setting.key, text)
    do throws(PolicyError) {
      // An exclude list is looked at only beside `*`.
      _ =
        setting == .excludedOwnerGroups
        ? try Policy.OwnerGroups(include: nil, exclude: value) : try Policy.OwnerGroups(include: value, exclude: nil)
    } catch {
      throw fault(setting, "has an item that \(error.problem): \"\(error.value)\"", error.advice)
    }
    return text
  }

  fileprivate func loopback(_ setting: Setting) throws(SettingFault) -> String? {
    guard let (text, _) = value(setting) else { return nil }
    do throws(PolicyError) {
      _ = try Redirect.Setting(setting.key, text).loopback()
    } catch {
      throw fault(setting, error.problem, error.advice)
    }
    return text
  }
}
