import CNI
import System
import SystemPackage

/// What becomes of temporary files after a crash.
///
/// Mostly they never took their names and are removed. One may be what was displaced: the original, or what another had
/// written an instant before, which then has to get its name back.
struct LeftoverRecovery {
  let layout: NodeLayout

  private var folder: String { layout.configurationFolder }

  /// Removes the file at `path`, having saved what only it holds.
  func remove(_ path: String) throws(SystemError) {
    if System.folder(of: path) == folder, let temporary = TemporaryConfiguration(fileName: fileName(of: path)) {
      try save(temporary, at: path)
    }
    if try removeFile(path) { try synchronizeFolder(System.folder(of: path)) }
  }

  private func save(_ temporary: TemporaryConfiguration, at path: String) throws(SystemError) {
    // What cannot be read is no configuration.
    guard let left = file(path, temporary.name) else { return }
    let isPlanned = TemporaryConfiguration.digest(of: left.bytes) == temporary.digest
    let target = "\(folder)/\(temporary.name)"
    guard let current = file(target, temporary.name) else {
      if try exists(target) { return }
      guard left.isOriginal else { return }
      if isPlanned {
        try keepUnlessKept(path, temporary.name)
      } else {
        try giveBack(path, target)
      }
      return
    }
    // Whoever has written since has the last word.
    guard TemporaryConfiguration.digest(of: current.bytes) == temporary.digest, !isPlanned else { return }
    if left.withoutEntry == current.withoutEntry {
      if left.isOriginal { try keepUnlessKept(path, temporary.name) }
    } else {
      try renameFile(path, to: target)
      try synchronizeFolder(folder)
    }
  }

  private func file(_ path: String, _ name: String) -> ConfigurationFile? {
    // What cannot be read has nothing to save, and gives nothing to compare with.
    guard let identity = try? FileIdentity(of: path),
      let bytes = try? readFile(path, limit: NetworkConfiguration.maximumByteCount)
    else { return nil }
    return ConfigurationFile(name: name, bytes: bytes, identity: identity)
  }

  private func keepUnlessKept(_ path: String, _ name: String) throws(SystemError) {
    let originals = Originals(layout: layout)
    guard originals[name] == nil else { return }
    try originals.prepare()
    try originals.keep(path, as: name)
  }

  private func giveBack(_ path: String, _ target: String) throws(SystemError) {
    do throws(SystemError) {
      try renameFile(path, toNew: target)
    } catch let error where error.errno == .fileExists {
      // What another has put there is newer.
    }
  }
}

extension ConfigurationFile {
  /// The text once our entry is out; itself if it has none, or cannot be edited.
  fileprivate var withoutEntry: [UInt8] {
    guard case .success(let content) = content else { return bytes }
    // It fails only if there is no other plugin.
    return (try? ConflistEdit(of: content, type: NodeLayout.pluginName).removing()) ?? bytes
  }
}
