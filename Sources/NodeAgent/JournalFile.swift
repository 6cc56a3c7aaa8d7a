import System
import SystemPackage

/// The journal on the disk, and the folder that it is in.
struct JournalFile {
  let layout: NodeLayout

  /// 1 MiB: marks of some thousand files.
  private static let sizeLimit = 1 << 20

  /// Reads the journal; an empty one if there is none, or if it cannot be understood.
  ///
  /// - Throws: why it is there and cannot be read.
  func read() throws(SystemError) -> (journal: Journal, fault: JournalFault?) {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try readFile(layout.journal, limit: Self.sizeLimit)
    } catch let error where error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory {
      return (Journal(), nil)
    } catch let error where error.errno == .fileTooLarge {
      return (Journal(), JournalFault("it has more than \(Self.sizeLimit) bytes"))
    }
    do throws(JournalFault) {
      return (try Journal(parsing: bytes), nil)
    } catch {
      return (Journal(), error)
    }
  }

  /// Writes the journal, whole or not at all.
  func write(_ journal: Journal) throws(SystemError) {
    try AtomicFile.write(journal.text, to: layout.journal, mode: 0o600)
  }

  /// Makes the folder for it. The folder of configurations is not made: it is the runtime's.
  func prepare() throws(SystemError) {
    if isFolder(layout.stateFolder) { return }
    if layout.stateFolder.hasPrefix("\(layout.configurationFolder)/") {
      try makeFolder(layout.stateFolder)
      try synchronizeFolder(folder(of: layout.stateFolder))
    } else {
      try makeFolders(layout.stateFolder)
    }
  }

  /// The lock that who changes the node holds.
  var lock: String { "\(layout.stateFolder)/lock" }

  /// Removes the folder and all that is ours in it. What is another's stays, and so does the folder then.
  func remove() throws(SystemError) {
    try removeFile(layout.journal)
    do throws(SystemError) {
      try removeFolder(layout.originals)
      try removeFile(lock)
      if try removeFolder(layout.stateFolder) { try synchronizeFolder(folder(of: layout.stateFolder)) }
    } catch let error where [.directoryNotEmpty, .fileExists, .resourceBusy].contains(error.errno) {
      // Not empty, or a mount point.
    }
  }
}
