import CNI
import System

/// Which file the primary plugin's configuration is.
struct PrimaryChoice {
  /// The file that is chosen.
  struct Candidate {
    let file: ConfigurationFile
    /// What to work from: the file's content, or its original's.
    let content: NetworkConfigurationFile
    /// Whether the file is broken, and `content` that of the kept original.
    let isRecovered: Bool
  }

  private enum Judgement {
    /// One of ours, or none at all.
    case none
    case candidate(Candidate)
    case obstacle(Obstacle)
    /// No runtime loads it.
    case broken(ConfigurationFault)
  }

  let files: Provenance
  /// Since 1970.
  let now: Duration

  /// Files that no runtime loads and that come before the chosen one.
  private(set) var passedOver: [(name: String, fault: ConfigurationFault)] = []

  init(_ files: Provenance, now: Duration) {
    self.files = files
    self.now = now
  }

  /// The file that runtimes use: the first that they load. Nil if there is none.
  ///
  /// - Throws: why the first cannot be worked with.
  mutating func leading() throws(Obstacle) -> Candidate? {
    let folder = files.folder
    let names = (folder.entries.map(\.name) + folder.unreadable.map(\.name)).sorted { $0.sortsBefore($1) }
    for name in names {
      switch judge(name) {
      case .none: break
      case .candidate(let candidate): return candidate
      case .obstacle(let obstacle): throw obstacle
      case .broken(let fault): passedOver.append((name, fault))
      }
    }
    return nil
  }

  /// The file that the settings name, by either ending. Nil if it is not there.
  ///
  /// - Throws: why it cannot be worked with.
  func forced(_ name: String) throws(Obstacle) -> Candidate? {
    guard name.isConfiguration else {
      throw Obstacle(
        .badName, "the primary plugin's file cannot be called \"\(name)\"",
        remedy: "use the name of a .conflist or .conf file")
    }
    for name in names(forced: name) {
      switch judge(name) {
      case .none: continue
      case .candidate(let candidate): return candidate
      case .obstacle(let obstacle): throw obstacle
      case .broken(let fault):
        throw Obstacle(
          .broken, "cannot edit \(name), which the settings name: \(fault.position): \(fault.problem)",
          remedy: fault.remedy)
      }
    }
    return nil
  }

  /// The names under which the file `name` may be found: a single plugin's as the list that was made of it, too.
  private func names(forced name: String) -> [String] {
    let isList = name.hasSuffix(".conflist")
    let plugin = isList ? "\(name.dropLast(".conflist".count)).conf" : name
    let list = "\(plugin.dropLast(".conf".count)).conflist"
    let made = files.folder.entries.filter { files.source(of: $0) == plugin }.map(\.name)
    // What a list was made of is there only if its owner has written it anew.
    let isMade = made.contains(list)
    return isList && !isMade ? [list, plugin] + made : [plugin] + made + [list]
  }

  private func judge(_ name: String) -> Judgement {
    if let unreadable = files.folder.unreadable.first(where: { $0.name == name }) {
      return .obstacle(.unreadable(name, unreadable.error))
    }
    guard let entry = files.folder[name], !files.isOwn(entry) else { return .none }
    switch entry.content {
    case .success(let content):
      let isOurs = content.edit.positions.count == content.pluginTypes.count
      if !isOurs { return .candidate(Candidate(file: entry.file, content: content, isRecovered: false)) }
      return recovered(entry)
        ?? .obstacle(
          Obstacle(
            .uneditable, "cannot edit \(name): \(NodeLayout.pluginName) is the only plugin",
            remedy: "let the cluster's CNI plugin write its file anew, or delete this one"))
    case .failure(let fault):
      if entry.file.isYoung(at: now) { return .obstacle(.settling(name, fault.problem)) }
      if fault.isLoadable { return .obstacle(.uneditable(name, fault)) }
      return recovered(entry) ?? .broken(fault)
    }
  }

  private func recovered(_ entry: ConfigurationFolder.Entry) -> Judgement? {
    guard let last = files.lastGood(of: entry.name) else { return nil }
    return .candidate(Candidate(file: entry.file, content: last.content, isRecovered: true))
  }
}
