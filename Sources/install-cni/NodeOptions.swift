import ArgumentParser
import NodeAgent

/// The flags of the settings, which every command has that looks at a node. Which there are says ``Setting/all``; a
/// test holds the two together, since the parser wants each as a property.
struct NodeOptions: ParsableArguments {
  @Option(.configurationFolder) var configurationFolder: String?
  @Option(.configurationName) var configurationName: String?
  @Option(.chained) var chained: String?
  @Option(.owned) var owned: String?
  @Option(.ownedName) var ownedName: String?
  @Option(.groupReads) var groupReads: String?
  @Option(.binarySource) var binarySource: String?
  @Option(.binaryTargets) var binaryTargets: String?
  @Option(.runDirectory) var runDirectory: String?
  @Option(.stateFolder) var stateFolder: String?
  @Option(.cacheFolder) var cacheFolder: String?
  @Option(.serverHost) var serverHost: String?
  @Option(.serverPort) var serverPort: String?
  @Option(.serverProtocol) var serverProtocol: String?
  @Option(.authorityFile) var authorityFile: String?
  @Option(.skipsVerification) var skipsVerification: String?
  @Option(.kubeconfigMode) var kubeconfigMode: String?
  @Option(.serviceAccountFolder) var serviceAccountFolder: String?
  @Option(.serviceAccountHostFolder) var serviceAccountHostFolder: String?
  @Option(.excludedNamespaces) var excludedNamespaces: String?
  @Option(.podNamespace) var podNamespace: String?
  @Option(.nativeNftables) var nativeNftables: String?
  @Option(.backend) var backend: String?
  @Option(.deadline) var deadline: String?
  @Option(.dnsCapture) var dnsCapture: String?
  @Option(.outboundPort) var outboundPort: String?
  @Option(.inboundPort) var inboundPort: String?
  @Option(.tunnelPort) var tunnelPort: String?
  @Option(.dnsPort) var dnsPort: String?
  @Option(.ownerGroups) var ownerGroups: String?
  @Option(.excludedOwnerGroups) var excludedOwnerGroups: String?
  @Option(.loopback) var loopback: String?
  @Option(.repairEnabled) var repairEnabled: String?
  @Option(.repairsInPlace) var repairsInPlace: String?
  @Option(.repairDeletes) var repairDeletes: String?
  @Option(.repairLabels) var repairLabels: String?
  @Option(.brokenPodLabelKey) var brokenPodLabelKey: String?
  @Option(.brokenPodLabelValue) var brokenPodLabelValue: String?
  @Option(.sidecarAnnotation) var sidecarAnnotation: String?
  @Option(.initContainerName) var initContainerName: String?
  @Option(.initContainerExitCode) var initContainerExitCode: String?
  @Option(.initContainerMessage) var initContainerMessage: String?
  @Option(.repairLabelSelectors) var repairLabelSelectors: String?
  @Option(.repairFieldSelectors) var repairFieldSelectors: String?
  @Option(.auditInterval) var auditInterval: String?
  @Option(.processFolder) var processFolder: String?
  @Option(.namespaceFolder) var namespaceFolder: String?
  @Option(.nodeName) var nodeName: String?
  @Option(.podName) var podName: String?
  @Option(.podUID) var podUID: String?
  @Option(.daemonSetName) var daemonSetName: String?
  @Option(.configSource) var configSource: String?
  @Option(.configFolder) var configFolder: String?
  @Option(.configMapName) var configMapName: String?
  @Option(.healthPort) var healthPort: String?
  @Option(.monitoringPort) var monitoringPort: String?
  @Option(.selfTest) var selfTest: String?
  @Option(.untaintsNode) var untaintsNode: String?
  @Option(.logLevel) var logLevel: String?
  @Option(.outputLevel) var outputLevel: String?
  @Option(.logsJSON) var logsJSON: String?
  @Option(.ambient) var ambient: String?

  /// Flags of Istio's agent for what this one does not have.
  @Option(name: NodeOptions.unusedNames, help: .private) var unused: [String] = []

  /// What is given, by the flags' names without dashes.
  var flags: [String: String] {
    var flags: [String: String] = [:]
    for (setting, value) in values { if let flag = setting.flag { flags[flag] = value } }
    return flags
  }

  private var values: [(Setting, String?)] {
    [
      (.configurationFolder, configurationFolder), (.configurationName, configurationName), (.chained, chained),
      (.owned, owned), (.ownedName, ownedName), (.groupReads, groupReads), (.binarySource, binarySource),
      (.binaryTargets, binaryTargets), (.runDirectory, runDirectory), (.stateFolder, stateFolder),
      (.cacheFolder, cacheFolder), (.serverHost, serverHost), (.serverPort, serverPort),
      (.serverProtocol, serverProtocol), (.authorityFile, authorityFile), (.skipsVerification, skipsVerification),
      (.kubeconfigMode, kubeconfigMode), (.serviceAccountFolder, serviceAccountFolder),
      (.serviceAccountHostFolder, serviceAccountHostFolder), (.excludedNamespaces, excludedNamespaces),
      (.podNamespace, podNamespace), (.nativeNftables, nativeNftables), (.backend, backend), (.deadline, deadline),
      (.dnsCapture, dnsCapture), (.outboundPort, outboundPort), (.inboundPort, inboundPort),
      (.tunnelPort, tunnelPort), (.dnsPort, dnsPort), (.ownerGroups, ownerGroups),
      (.excludedOwnerGroups, excludedOwnerGroups), (.loopback, loopback),
      (.repairEnabled, repairEnabled), (.repairsInPlace, repairsInPlace), (.repairDeletes, repairDeletes),
      (.repairLabels, repairLabels), (.brokenPodLabelKey, brokenPodLabelKey),
      (.brokenPodLabelValue, brokenPodLabelValue), (.sidecarAnnotation, sidecarAnnotation),
      (.initContainerName, initContainerName), (.initContainerExitCode, initContainerExitCode),
      (.initContainerMessage, initContainerMessage), (.repairLabelSelectors, repairLabelSelectors),
      (.repairFieldSelectors, repairFieldSelectors), (.auditInterval, auditInterval), (.processFolder, processFolder),
      (.namespaceFolder, namespaceFolder), (.nodeName, nodeName), (.podName, podName), (.podUID, podUID),
      (.daemonSetName, daemonSetName), (.configSource, configSource), (.configFolder, configFolder),
      (.configMapName, configMapName), (.healthPort, healthPort), (.monitoringPort, monitoringPort),
      (.selfTest, selfTest), (.untaintsNode, untaintsNode), (.logLevel, logLevel), (.outputLevel, outputLevel),
      (.logsJSON, logsJSON),
      (.ambient, ambient),
    ]
  }

  static let unusedNames = NameSpecification(
    Setting.unused.compactMap(\.flag).map { NameSpecification.Element.customLong($0) })

  /// Flags of truth values that may stand alone, as in Istio's agent, where `--skip-tls-verify` means that of
  /// `--skip-tls-verify=true`.
  static func spellingOut(_ arguments: [String]) -> [String] {
    let flags = Set(Setting.all.filter { $0.form == .bool }.compactMap(\.flag).map { "--\($0)" })
    return arguments.map { flags.contains($0) ? "\($0)=true" : $0 }
  }
}

extension Option where Value == String? {
  /// The option of a setting.
  init(_ setting: Setting) {
    let standard = setting.standard.isEmpty ? "" : " (default: \(setting.standard))"
    self.init(
      name: .customLong(setting.flag ?? setting.key),
      help: ArgumentHelp("\(setting.key): \(setting.help)\(standard)", valueName: setting.valueName))
  }
}
