package import JSON

/// What stands in our entry of a network configuration.
package struct PluginEntry: Sendable, Equatable {
  package var logLevel: LogVerbosity
  package var runDirectory: String
  package var excludedNamespaces: [String]
  /// The agent's own namespace, whose pods of the DaemonSet pass; empty when it is not known.
  package var podNamespace: String
  package var nativeNftables: Bool
  /// The plugin's own keys that are set, in the order in which they are written.
  package var ownKeys: JSONObject

  package init(
    logLevel: LogVerbosity, runDirectory: String, excludedNamespaces: [String], podNamespace: String,
    nativeNftables: Bool, ownKeys: JSONObject
  ) {
    self.logLevel = logLevel
    self.runDirectory = runDirectory
    self.excludedNamespaces = excludedNamespaces
    self.podNamespace = podNamespace
    self.nativeNftables = nativeNftables
    self.ownKeys = ownKeys
  }

  /// The entry as it stands in a list.
  ///
  /// It declares the capabilities by which the runtime hands over what kubelet knows of the pod: its DNS servers, and
  /// its annotations, which spare a request for a pod that is not in the mesh.
  package var object: JSONObject {
    var object: JSONObject = [
      "type": .string(NodeLayout.pluginName),
      "plugin_log_level": .string(logLevel.rawValue),
      "cni_agent_run_dir": .string(runDirectory),
      "exclude_namespaces": .array(excludedNamespaces.map { .string($0) }),
      "pod_namespace": .string(podNamespace),
      "native_nftables": .bool(nativeNftables),
      "ambient_enabled": false,
    ]
    for (key, value) in ownKeys.members { object[key] = value }
    object["capabilities"] = ["dns": true, "io.kubernetes.cri.pod-annotations": true]
    return object
  }
}
