package import System

/// What is on a node, as far as a plan depends on it.
package struct Found: Sendable {
  /// The plugin's binary in one of the runtime's folders.
  package enum Binary: Sendable, Equatable {
    /// Bytes and mode are those to be installed. If the source cannot be read, nothing is the same.
    case same
    case missing
    case different
    /// It cannot be told what is there.
    case unreadable(SystemError)
  }

  /// The plugin's kubeconfig.
  package struct Kubeconfig: Sendable, Equatable {
    package let bytes: [UInt8]
    /// Permission bits.
    package let mode: UInt32

    package init(bytes: [UInt8], mode: UInt32) {
      self.bytes = bytes
      self.mode = mode
    }
  }

  /// The folder of network configurations; nil if it is not there or cannot be read.
  package var folder: ConfigurationFolder?
  /// Why the folder is there and cannot be read.
  package var folderError: SystemError?
  /// Why the binary to be installed cannot be read; nil if it can.
  package var source: SystemError?
  /// By path: those of the layout, and those that the journal names.
  package var binaries: [String: Binary]
  package var kubeconfig: Kubeconfig?
  /// The kept originals, by name.
  package var originals: [String: ConfigurationFile]
  package var journal: Journal
  /// What is wrong with the journal, if it is taken for an empty one for that.
  package var journalFault: JournalFault?
  /// Paths of what writers of ours left when they were killed; see ``Leftovers``.
  package var leftovers: [String]
  /// Matters to a removal only.
  package var need: PluginNeed
  /// Since 1970, to compare with ``FileIdentity/modified``.
  package var now: Duration

  package init(
    folder: ConfigurationFolder?, folderError: SystemError? = nil, source: SystemError? = nil,
    binaries: [String: Binary] = [:], kubeconfig: Kubeconfig? = nil, originals: [String: ConfigurationFile] = [:],
    journal: Journal = Journal(), journalFault: JournalFault? = nil, leftovers: [String] = [],
    need: PluginNeed = .none, now: Duration
  ) {
    self.folder = folder
    self.folderError = folderError
    self.source = source
    self.binaries = binaries
    self.kubeconfig = kubeconfig
    self.originals = originals
    self.journal = journal
    self.journalFault = journalFault
    self.leftovers = leftovers
    self.need = need
    self.now = now
  }
}
