import CNI
import System
import SystemPackage

/// The files of others as they were before our entry came in: the very files, which keep owner, mode and times, or links.
struct Originals {
  let layout: NodeLayout

  private var folder: String { layout.originals }

  private func path(_ name: String) -> String { "\(folder)/\(name)" }

  /// What is kept, by name. What cannot be read is not: then our entry is taken out of what is there.
  func all() -> [String: ConfigurationFile] {
    // The folder is made for the first original.
    let names = (try? names(inFolder: folder)) ?? []
    var files: [String: ConfigurationFile] = [:]
    for name in names where !name.hasPrefix(".") { files[name] = self[name] }
    return files
  }

  /// What is kept of the file called `name`. A link is read as if it were in its place again.
  subscript(name: String) -> ConfigurationFile? {
    let path = resolved(name)
    // What cannot be read cannot be given back.
    guard let identity = try? FileIdentity(of: path),
      let bytes = try? readFile(path, limit: NetworkConfiguration.maximumByteCount)
    else { return nil }
    return ConfigurationFile(name: name, bytes: bytes, identity: identity)
  }

  /// Where the content of what is kept is.
  private func resolved(_ name: String) -> String {
    // Whatever is no link is read itself.
    guard let target = try? readLink(path(name)) else { return path(name) }
    return target.hasPrefix("/") ? target : "\(layout.configurationFolder)/\(target)"
  }

  /// Makes the place for an original, so that there is one once the file is displaced.
  func prepare() throws(SystemError) {
    if isFolder(folder) { return }
    try makeFolder(folder)
    try synchronizeFolder(layout.stateFolder)
  }

  /// Keeps a file of the folder of configurations, or a link, as the original of `name`, in place of an earlier one. It
  /// loses the name that it has there.
  func keep(_ displaced: String, as name: String) throws(SystemError) {
    do throws(SystemError) {
      try renameFile(displaced, to: path(name))
    } catch let error where error.errno == .improperLink {
      let temporary = temporaryPath(for: path(name))
      try copy(displaced, to: temporary)
      try renameFile(temporary, to: path(name))
      try removeFile(displaced)
    }
    try synchronizeFolder(folder)
  }

  /// Gives what is kept of `name` a second name in the folder of configurations.
  func provide(_ name: String, as temporary: String) throws(SystemError) {
    do throws(SystemError) {
      try linkFile(path(name), to: temporary)
    } catch let error where Self.needsCopy.contains(error.errno) {
      try copy(path(name), to: temporary)
    }
  }

  /// Another file system; one without second names, or a file that may not have one; too many names.
  private static let needsCopy: Set<Errno> = [.improperLink, .notPermitted, .tooManyLinks, .notSupported]

  /// Whether a link is kept of `name`.
  func isLink(_ name: String) -> Bool { System.isLink(path(name)) }

  func remove(_ name: String) throws(SystemError) {
    if try removeFile(path(name)) { try synchronizeFolder(folder) }
  }

  private func copy(_ source: String, to path: String) throws(SystemError) {
    if System.isLink(source) { return try makeLink(path, to: readLink(source)) }
    let identity = try FileIdentity(of: source)
    let bytes = try readFile(source, limit: NetworkConfiguration.maximumByteCount)
    try NewFile.make(path, bytes, mode: identity.mode, ownedLike: identity, modified: identity.modified)
  }
}
