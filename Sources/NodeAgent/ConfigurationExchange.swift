import CNI
import System
import SystemPackage

/// The changes of the folder of configurations. Others write there at any time; see ``FileExchange``.
struct ConfigurationExchange {
  let layout: NodeLayout
  let exchange: FileExchange

  private var folder: String { layout.configurationFolder }

  private var originals: Originals { Originals(layout: layout) }

  private func path(_ name: String) -> String { "\(folder)/\(name)" }

  // MARK: Files of others

  /// Puts `bytes` in the place of a file, which is kept as the original if it is one.
  func edit(_ file: ConfigurationFile, _ bytes: [UInt8]) throws(SystemError) -> FileExchange.Outcome {
    if file.isOriginal { try originals.prepare() }
    let temporary = try make(file.name, bytes, like: file.identity)
    guard try exchange.place(temporary, at: path(file.name), insteadOf: file.bytes) == .done else { return .changed }
    try settle(displaced: temporary, of: file)
    return .done
  }

  /// Gives a file back as it was: the very file if `bytes` is what it held, or a link, whatever that leads to by now.
  func restore(_ file: ConfigurationFile, _ bytes: [UInt8]) throws(SystemError) -> FileExchange.Outcome {
    let temporary = try makeOriginal(file.name, bytes, like: file.identity)
    guard try exchange.place(temporary, at: path(file.name), insteadOf: file.bytes) == .done else { return .changed }
    try removeFile(temporary)
    try originals.remove(file.name)
    return .done
  }

  /// Puts a list beside a single plugin's file, and takes that away.
  func convert(
    _ file: ConfigurationFile, to list: String, former: ConfigurationFile?, _ bytes: [UInt8]
  ) throws(SystemError) -> FileExchange.Outcome {
    try originals.prepare()
    guard try placeList(list, bytes, like: file.identity, insteadOf: former) == .done else { return .changed }
    guard let temporary = try takeAway(file) else { return .changed }
    try settle(displaced: temporary, of: file)
    return .done
  }

  /// Gives a single plugin its file back, and removes the list that was made of it.
  func restoreConverted(
    _ list: ConfigurationFile, to name: String, _ bytes: [UInt8]
  ) throws(SystemError) -> FileExchange.Outcome {
    if try !exists(path(name)) {
      let temporary = try makeOriginal(name, bytes, like: list.identity)
      try placeNew(temporary, at: name)
    }
    guard try removeOwn(list) == .done else { return .changed }
    try originals.remove(name)
    return .done
  }

  // MARK: Files of ours

  func writeOwn(_ name: String, _ bytes: [UInt8], mode: UInt32) throws(SystemError) {
    let temporary = try free(TemporaryConfiguration(for: name, content: bytes))
    try NewFile.make(temporary, bytes, mode: mode)
    do throws(SystemError) {
      try renameFile(temporary, to: path(name))
    } catch {
      // Best effort: the error that matters is the one on its way.
      _ = try? removeFile(temporary)
      throw error
    }
    try synchronizeFolder(folder)
  }

  func removeOwn(_ file: ConfigurationFile) throws(SystemError) -> FileExchange.Outcome {
    guard let temporary = try takeAway(file) else { return .changed }
    try removeFile(temporary)
    return .done
  }

  // MARK: Parts of it

  /// Puts down a list of ours, in the place of `former` if there is one.
  private func placeList(
    _ name: String, _ bytes: [UInt8], like identity: FileIdentity, insteadOf former: ConfigurationFile?
  ) throws(SystemError) -> FileExchange.Outcome {
    let temporary = try make(name, bytes, like: identity)
    guard let former else { return try placeNew(temporary, at: name) ? .done : .changed }
    guard try exchange.place(temporary, at: path(name), insteadOf: former.bytes) == .done else { return .changed }
    try removeFile(temporary)
    return .done
  }

  /// Takes its name from a file.
  ///
  /// - Returns: The path that it has instead; nil if another writer came in between.
  private func takeAway(_ file: ConfigurationFile) throws(SystemError) -> String? {
    let temporary = try free(TemporaryConfiguration(for: file.name, content: file.bytes))
    let outcome = try exchange.takeAway(path(file.name), to: temporary, ifStill: file.bytes)
    return outcome == .done ? temporary : nil
  }

  /// Gives a temporary file a name that nothing has.
  ///
  /// - Returns: Whether it got it. If not it is removed: what another has put there meanwhile is newer.
  @discardableResult
  private func placeNew(_ temporary: String, at name: String) throws(SystemError) -> Bool {
    var hasName = true
    do throws(SystemError) {
      try renameFile(temporary, toNew: path(name))
    } catch {
      // Best effort: if there is another error, that is the one that matters.
      _ = try? removeFile(temporary)
      guard error.errno == .fileExists else { throw error }
      hasName = false
    }
    try synchronizeFolder(folder)
    return hasName
  }

  /// Keeps what was displaced if it is an original, and removes it if not.
  private func settle(displaced temporary: String, of file: ConfigurationFile) throws(SystemError) {
    // Where files cannot have two names it is gone.
    guard file.isOriginal, try exists(temporary) else {
      try removeFile(temporary)
      return
    }
    try originals.keep(temporary, as: file.name)
    try synchronizeFolder(folder)
  }

  /// The original of `name` under a temporary name for it if that gives `bytes` back, or else a file made of them.
  private func makeOriginal(
    _ name: String, _ bytes: [UInt8], like identity: FileIdentity
  ) throws(SystemError) -> String {
    guard let original = originals[name], original.bytes == bytes || originals.isLink(name) else {
      return try make(name, bytes, like: identity)
    }
    let temporary = try free(TemporaryConfiguration(for: name, content: original.bytes))
    try originals.provide(name, as: temporary)
    return temporary
  }

  private func make(_ name: String, _ bytes: [UInt8], like identity: FileIdentity) throws(SystemError) -> String {
    let temporary = try free(TemporaryConfiguration(for: name, content: bytes))
    try NewFile.make(temporary, bytes, mode: identity.mode, ownedLike: identity)
    return temporary
  }

  /// The path of a temporary file, once nothing has it that was left there after a crash.
  private func free(_ temporary: TemporaryConfiguration) throws(SystemError) -> String {
    let path = temporary.path(in: folder)
    if try exists(path) { try LeftoverRecovery(layout: layout).remove(path) }
    return path
  }
}
