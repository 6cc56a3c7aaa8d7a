import CNI

/// Whose the files of the folder are, and what they were before our entry came in.
///
/// What a file holds counts more than the journal, which may be lost, or tell of a file that another has written since.
struct Provenance {
  let folder: ConfigurationFolder
  let journal: Journal
  let originals: [String: ConfigurationFile]
  /// The name that our own file is to have.
  let ownName: String?
  /// The names of the single plugins' files of which lists were made, by the lists' names.
  private let sources: [String: String]

  init(folder: ConfigurationFolder, journal: Journal, originals: [String: ConfigurationFile], ownName: String?) {
    self.folder = folder
    self.journal = journal
    self.originals = originals
    self.ownName = ownName
    var sources: [String: String] = [:]
    for entry in folder.entries { sources[entry.name] = Self.source(of: entry, journal, originals) }
    self.sources = sources
  }

  /// The name of the list in which Istio's own agent, and this one by default, keeps the primary's plugins with ours.
  private static let usualOwnName = "02-istio-cni.conflist"

  /// Whether all of a file is ours, so that nobody else misses it.
  func isOwn(_ entry: ConfigurationFolder.Entry) -> Bool {
    // Nobody had a file of that name when it was marked.
    if entry.name == Self.usualOwnName || journal.marks.contains(.ownFile(name: entry.name)) { return true }
    if case .failure(let fault) = entry.content, !fault.isLoadable, entry.name.hasSuffix(String.conversionEnding) {
      // Nobody else would give a file the name of a list that could not have the usual one.
      return lastGood(of: entry.name) == nil
    }
    // Once another's, a file remains that, even with nothing but our entry left in it.
    if journal.hasEntry(in: entry.name) || originals[entry.name] != nil { return false }
    switch entry.content {
    case .success(let content):
      let count = content.edit.positions.count
      return count == content.pluginTypes.count || count > 0 && entry.name == ownName
    case .failure(let fault): return entry.name == ownName && !fault.isLoadable
    }
  }

  /// The names of others' files that runtimes load and look at before `name`, in that order.
  func loadable(before name: String) -> [String] {
    folder.entries.filter { entry in
      guard entry.name.sortsBefore(name), !isOwn(entry) else { return false }
      if case .failure(let fault) = entry.content { return fault.isLoadable }
      return true
    }.map(\.name)
  }

  // MARK: Lists made of single plugins

  /// The name of the single plugin's file of which `entry` was made; nil if its list is another's.
  func source(of entry: ConfigurationFolder.Entry) -> String? { sources[entry.name] }

  private static func source(
    of entry: ConfigurationFolder.Entry, _ journal: Journal, _ originals: [String: ConfigurationFile]
  ) -> String? {
    guard case .success(let content) = entry.content, content.kind == .list else { return nil }
    let edit = content.edit
    let marked = journal.original(of: entry.name)
    let markedPlugin = marked.flatMap { $0.isSinglePlugin ? $0 : nil }
    let likely = entry.name.likelySource
    let kept = [markedPlugin, likely].compactMap(\.self).first { originals[$0] != nil }
    if edit.positions.isEmpty {
      // Somebody took only our entry out; any other list without it is another's.
      guard let kept, edit.unwrapping() == originals[kept]?.bytes else { return nil }
      return kept
    }
    if let markedPlugin { return markedPlugin }
    guard edit.unwrapping() != nil else { return nil }
    if let kept { return kept }
    return originals[entry.name] != nil || marked != nil ? nil : likely
  }

  /// What the list that `plugin` becomes is called.
  ///
  /// Usually the name changes in its ending alone. If another has a list of that name as well, ours gets a name between
  /// the two: before that list, and behind the plugin, so that it is seen when its owner writes it anew.
  ///
  /// - Parameter now: since 1970.
  /// - Throws: what is to be waited for, or that no name is left.
  func listName(for plugin: ConfigurationFile, now: Duration) throws(Obstacle) -> String {
    let usual = "\(plugin.name.dropLast(".conf".count)).conflist"
    let other = "\(plugin.name)\(String.conversionEnding)"
    if folder[other] != nil, isFree(other, for: plugin) { return other }
    let isUsualFree = isFree(usual, for: plugin)
    // Some write a plugin, then the list, and take the plugin away; one that is a list by then would come back.
    let isYoung = plugin.isYoung(at: now) || folder[usual]?.file.isYoung(at: now) == true
    if isYoung, !isUsualFree || !hasBeenList(plugin.name) {
      throw .settling(plugin.name, "\(usual) may take its place")
    }
    if isUsualFree { return usual }
    guard isFree(other, for: plugin) else {
      throw Obstacle(
        .nameTaken, "cannot make a list of \(plugin.name): \(usual) and \(other) are there as well",
        remedy: "remove those that are not in use")
    }
    return other
  }

  /// Whether a list was made of the single plugin's file `plugin` before, so that its owner is known to leave it there.
  private func hasBeenList(_ plugin: String) -> Bool {
    sources.values.contains(plugin) || journal.marks.contains { if case .entry(_, plugin) = $0 { true } else { false } }
  }

  private func isFree(_ name: String, for plugin: ConfigurationFile) -> Bool {
    guard let entry = folder[name] else {
      return !folder.others.contains(name) && !folder.unreadable.contains { $0.name == name }
    }
    if case .failure = entry.content { return isOwn(entry) || journal.original(of: name) == plugin.name }
    return source(of: entry) == plugin.name
  }
}

// MARK: - Taking our entry out

extension Provenance {
  /// What gives another's file back as it was; nil if it is.
  ///
  /// - Parameter now: since 1970. A broken file is given time to be finished.
  /// - Throws: what is to be waited for.
  func givingBack(_ entry: ConfigurationFolder.Entry, now: Duration) throws(Obstacle) -> Step? {
    switch entry.content {
    case .success(let content):
      try takingOut(of: entry, content.edit, now: now)
    case .failure(let fault):
      fault.isLoadable || entry.file.isYoung(at: now) ? nil : replacing(entry)
    }
  }

  private func takingOut(
    of entry: ConfigurationFolder.Entry, _ edit: ConflistEdit, now: Duration
  ) throws(Obstacle) -> Step? {
    if let source = source(of: entry) {
      if let anew = folder[source] {
        // Its owner has written that anew, or it is broken and this same list, or the original, gets it back.
        if case .failure(let fault) = anew.content, anew.file.isYoung(at: now) {
          throw .settling(source, fault.problem)
        }
        return .removeOwnFile(entry.file)
      }
      if let plugin = edit.unwrapping() { return .restoreConverted(entry.file, to: source, bytes: plugin) }
    }
    if edit.positions.isEmpty { return nil }
    // It fails only if there is no other plugin.
    if let bytes = try? edit.removing() { return .restore(entry.file, bytes: bytes) }
    return replacing(entry) ?? .removeOwnFile(entry.file)
  }

  /// What puts the last good content in the place of a file of which nothing can be made.
  private func replacing(_ entry: ConfigurationFolder.Entry) -> Step? {
    if let source = journal.original(of: entry.name), source != entry.name, folder[source] != nil {
      return .removeOwnFile(entry.file)
    }
    guard let last = lastGood(of: entry.name) else { return nil }
    if last.name == entry.name { return .restore(entry.file, bytes: last.bytes) }
    if folder[last.name] != nil { return .removeOwnFile(entry.file) }
    return .restoreConverted(entry.file, to: last.name, bytes: last.bytes)
  }

  /// What a file that has had our entry, or of which a list of ours was made, was before, by the name that it had.
  func lastGood(of name: String) -> (name: String, bytes: [UInt8], content: NetworkConfigurationFile)? {
    let likely = name.likelySource.flatMap { isMade(of: $0, otherThan: name) ? nil : $0 }
    for name in [journal.original(of: name), name, likely].compactMap(\.self) {
      if let file = originals[name], case .success(let content) = file.content { return (name, file.bytes, content) }
    }
    for list in folder.entries where source(of: list) == name {
      // What the list is made of loads, or there would be no list.
      guard case .success(let made) = list.content, let bytes = made.edit.unwrapping(),
        let content = try? NetworkConfigurationFile(parsing: bytes, kind: .plugin)
      else { continue }
      return (name, bytes, content)
    }
    return nil
  }

  /// Whether there is another list that was made of `source`.
  private func isMade(of source: String, otherThan name: String) -> Bool {
    let other = "\(source)\(String.conversionEnding)"
    if other != name, folder[other] != nil { return true }
    return journal.marks.contains { if case .entry(let file, source) = $0 { file != name } else { false } }
  }

  /// Names of originals that are out of date, since their owners have written the files anew, be it as lists.
  ///
  /// - Parameter name: an original that a step of the same plan replaces.
  func outdated(besides name: String) -> [String] {
    originals.keys.sorted().filter { original in
      if original == name { return false }
      if let entry = folder[original] { return isGood(entry) && isAnothers(entry) && !hasOurs(entry) }
      return folder.entries.contains { list in
        list.name.likelySource == original && isAnothers(list) && !isMade(of: original, otherThan: list.name)
      }
    }
  }

  /// Whether a file is another's, and not a list of ours that was made of one. A broken one is if its original is.
  private func isAnothers(_ entry: ConfigurationFolder.Entry) -> Bool {
    if isOwn(entry) { return false }
    return switch entry.content {
    case .success: source(of: entry) == nil
    case .failure: lastGood(of: entry.name)?.name == entry.name
    }
  }

  private func isGood(_ entry: ConfigurationFolder.Entry) -> Bool {
    if case .success = entry.content { true } else { false }
  }

  private func hasOurs(_ entry: ConfigurationFolder.Entry) -> Bool {
    guard case .success(let content) = entry.content else { return false }
    return !content.edit.positions.isEmpty
  }
}

extension NetworkConfigurationFile {
  var edit: ConflistEdit { ConflistEdit(of: self, type: NodeLayout.pluginName) }
}

extension ConfigurationFile {
  /// How long a file that is broken, or may be gone when its writer is done, is given.
  private static let settlingTime = Duration.seconds(1)

  /// Whether the file was written to a moment ago.
  func isYoung(at now: Duration) -> Bool { identity.isModified(within: Self.settlingTime, of: now) }
}

extension String {
  /// Behind the name of a single plugin's file, in that of a list that was made of it and could not have the usual name.
  /// The dash sorts before the end of `.conflist`.
  static let conversionEnding = "-istio-cni.conflist"

  var isSinglePlugin: Bool { hasSuffix(".conf") }

  /// The name of the single plugin's file of which a list of this name may have been made.
  var likelySource: String? {
    if hasSuffix(Self.conversionEnding) {
      let name = String(dropLast(Self.conversionEnding.count))
      if name.isSinglePlugin { return name }
    }
    return hasSuffix(".conflist") ? "\(dropLast(".conflist".count)).conf" : nil
  }
}
