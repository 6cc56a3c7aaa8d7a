/// One change of the node. Each is complete or not done at all when the process or the node dies, and doing it again does
/// no harm.
package enum Step: Sendable, Equatable {
  /// Removes what a writer of ours left when it was killed.
  case removeLeftover(path: String)
  /// Copies the plugin's binary.
  case writeBinary(path: String)
  /// Writes the plugin's kubeconfig.
  case writeKubeconfig
  /// Puts `bytes` in the place of another's file, which keeps its mode and owner. What was there is kept as the original
  /// if it is one; see ``ConfigurationFile/isOriginal``.
  case edit(ConfigurationFile, bytes: [UInt8])
  /// Writes the list made of another's single plugin, in place of `former`, one that was made before, and takes that file
  /// away, which is kept as the original if it is one.
  case convert(ConfigurationFile, to: String, former: ConfigurationFile?, bytes: [UInt8])
  /// Writes a file of our own.
  case writeOwnFile(name: String, bytes: [UInt8])
  /// Removes a file of our own, or a list of ours that was made of a single plugin whose file is there again.
  case removeOwnFile(ConfigurationFile)
  /// Takes our entry out of another's file again. `bytes` is what then must be there: the original itself if it has
  /// these bytes. Otherwise the original is out of date. No original of that name is kept afterwards.
  case restore(ConfigurationFile, bytes: [UInt8])
  /// Gives a single plugin its file `to` back, and takes away the list that was made of it. For the original the same
  /// holds as for ``restore(_:bytes:)``.
  case restoreConverted(ConfigurationFile, to: String, bytes: [UInt8])
  case removeKubeconfig
  /// Removes the plugin's binary, once nothing can name it any more.
  case removeBinary(path: String)
}

/// Why a node cannot be made as wanted for now. It stays not ready and tries again when something changes.
package struct Obstacle: Sendable, Equatable {
  /// The kind of an obstacle; new ones may be added.
  package struct Code: Hashable, Sendable {
    /// A label value of metrics.
    package let name: String

    package init(_ name: String) {
      self.name = name
    }
  }

  package let code: Code
  /// What could not be done, on what, and why.
  package let problem: String
  /// What to do.
  package let remedy: String

  package init(_ code: Code, _ problem: String, remedy: String) {
    self.code = code
    self.problem = problem
    self.remedy = remedy
  }
}
