package import JSON

/// What a node should look like.
package struct Wanted: Sendable, Equatable {
  /// Where our entry stands.
  package enum Placement: Sendable, Equatable {
    /// At the end of the primary plugin's own list: the first valid file of the folder, or the one of this name.
    case chained(fileName: String?)
    /// At the end of a copy of the primary's list, in a file of ours that sorts before it. `primary` is the forced
    /// name of the primary's file; nil is the first valid file that is not ours.
    case owned(fileName: String, primary: String?)
    /// Alone in a file of ours, for Multus.
    case standalone(fileName: String)
  }

  package var layout: NodeLayout
  package var placement: Placement
  /// Our entry, as it stands in a list.
  package var entry: JSONObject
  /// The text of the plugin's kubeconfig.
  package var kubeconfig: [UInt8]
  /// Permission bits of the kubeconfig: `KUBECONFIG_MODE`.
  package var kubeconfigMode: UInt32
  /// Permission bits of a new file in the configuration folder: 0600, or 0640 with `CNI_CONF_GROUP_READ`. A file that
  /// is edited keeps its own.
  package var newFileMode: UInt32

  package init(
    layout: NodeLayout, placement: Placement, entry: JSONObject, kubeconfig: [UInt8], kubeconfigMode: UInt32 = 0o600,
    newFileMode: UInt32 = 0o600
  ) {
    self.layout = layout
    self.placement = placement
    self.entry = entry
    self.kubeconfig = kubeconfig
    self.kubeconfigMode = kubeconfigMode
    self.newFileMode = newFileMode
  }
}

extension Wanted.Placement {
  /// The name of the file that is ours as a whole.
  var ownName: String? {
    switch self {
    case .chained: nil
    case .owned(let fileName, _), .standalone(let fileName): fileName
    }
  }
}
