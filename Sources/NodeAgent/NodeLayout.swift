package import CNI

/// Where everything is, as the agent's own mounts show it.
package struct NodeLayout: Sendable, Equatable {
  /// The name of the plugin's binary, and the `type` of its entry.
  package static let pluginName = "istio-cni"
  static let journalName = "journal.json"

  /// The folder with the plugin's binary to install: `CNI_BIN_SOURCE_DIR`.
  package var binarySource: String
  /// The runtime's folders of plugins: `CNI_BIN_TARGET_DIRS`.
  package var binaryTargets: [String]
  /// The runtime's folder of network configurations: `MOUNTED_CNI_NET_DIR`.
  package var configurationFolder: String
  /// What the agent and the plugin share, at the same path for both: `CNI_AGENT_RUN_DIR`. Gone after a reboot.
  package var runDirectory: String
  /// Token and authority of the agent's ServiceAccount: `SERVICE_ACCOUNT_DIR`.
  package var serviceAccountFolder: String
  /// Journal and original files, which must outlive a reboot: `CNI_STATE_DIR`, by default `.istio-cni` in the
  /// configuration folder. It is on the same file system as that, so that files can be moved between the two.
  package var stateFolder: String
  /// What the runtime remembers of attachments, to see whether it still needs the plugin: `CNI_CACHE_DIR`.
  package var cacheFolder: String

  package init(
    binarySource: String, binaryTargets: [String], configurationFolder: String, runDirectory: String,
    serviceAccountFolder: String, stateFolder: String, cacheFolder: String
  ) {
    self.binarySource = binarySource
    self.binaryTargets = binaryTargets
    self.configurationFolder = configurationFolder
    self.runDirectory = runDirectory
    self.serviceAccountFolder = serviceAccountFolder
    self.stateFolder = stateFolder
    self.cacheFolder = cacheFolder
  }

  /// The binary that is installed.
  package var sourceBinary: String { "\(binarySource)/\(Self.pluginName)" }
  /// Where it goes.
  package var targetBinaries: [String] { binaryTargets.map { "\($0)/\(Self.pluginName)" } }
  /// The plugin's kubeconfig.
  package var kubeconfig: String { shared.kubeconfig }
  /// What is where in the run directory.
  package var shared: RunDirectory { RunDirectory(runDirectory) }
  /// What was done on this node, in order.
  package var journal: String { "\(stateFolder)/\(Self.journalName)" }
  /// The files of others as they were before our entry came in, by name.
  package var originals: String { "\(stateFolder)/originals" }
}
