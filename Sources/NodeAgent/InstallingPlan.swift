import CNI
import System

/// Puts a plan to install together.
struct InstallingPlan {
  private let wanted: Wanted
  private let found: Found

  private var steps: [Step] = []
  private var obstacles: [Obstacle] = []
  private var warnings: [String] = []
  private var primary: String?
  /// The file that is to lead.
  private var lead: String?
  /// Files that no runtime loads, and that come before the primary's.
  private var passedOver: [(name: String, fault: ConfigurationFault)] = []

  init(_ wanted: Wanted, _ found: Found) {
    self.wanted = wanted
    self.found = found
  }

  mutating func plan() -> Plan {
    if let fault = found.journalFault { warnings.append(fault.warning) }
    steps += found.leftovers.map { .removeLeftover(path: $0) }
    let isCallable = planBinaries()
    let kubeconfig = Found.Kubeconfig(bytes: wanted.kubeconfig, mode: wanted.kubeconfigMode)
    if found.kubeconfig != kubeconfig { steps.append(.writeKubeconfig) }
    do throws(Obstacle) {
      let configuration = try configuration()
      // A configuration that names a plugin that is not there keeps every pod of the node from starting.
      if isCallable { steps += configuration }
    } catch {
      obstacles.append(error)
    }
    return Plan(steps: steps, obstacles: obstacles, warnings: warnings, primary: primary)
  }

  /// - Returns: Whether the runtime will find a binary, be it an older one, in each of its folders.
  private mutating func planBinaries() -> Bool {
    let layout = wanted.layout
    var isCallable = true
    for path in layout.targetBinaries {
      switch (found.binaries[path] ?? .missing, found.source) {
      case (.same, _): break
      case (.missing, nil), (.different, nil): steps.append(.writeBinary(path: path))
      case (.different, let error?):
        warnings.append("\(path) stays as it is: cannot read \(layout.sourceBinary): \(error)")
      case (.missing, let error?):
        isCallable = false
        obstacles.append(
          Obstacle(
            .noSource, "cannot install \(path): cannot read \(layout.sourceBinary): \(error)",
            remedy: "use an image that has the plugin, or set CNI_BIN_SOURCE_DIR to the folder that holds it"))
      case (.unreadable(let error), _):
        isCallable = false
        obstacles.append(
          Obstacle(
            .unreadable, "cannot tell whether \(path) is the plugin: \(error)",
            remedy: "remove it, or make its folder one that the agent can read"))
      }
    }
    return isCallable
  }

  // MARK: The configuration

  private mutating func configuration() throws(Obstacle) -> [Step] {
    let path = wanted.layout.configurationFolder
    if let error = found.folderError {
      throw Obstacle(
        .unreadable, "cannot read the folder of network configurations: \(error)",
        remedy: "mount the folder that the runtime reads at \(path)")
    }
    guard let folder = found.folder else {
      throw Obstacle(
        .noFolder, "the folder of network configurations \(path) is not there",
        remedy: "set MOUNTED_CNI_NET_DIR to the folder that the runtime reads, or wait for the cluster's CNI plugin")
    }
    let files = Provenance(
      folder: folder, journal: found.journal, originals: found.originals, ownName: wanted.placement.ownName)
    defer { warn(aboutLeadIn: files) }
    switch wanted.placement {
    case .chained(let name): return try chained(name, files)
    case .owned(let name, let forced): return try owned(name, forced, files)
    case .standalone(let name): return try standalone(name, files)
    }
  }

  private mutating func chained(_ forced: String?, _ files: Provenance) throws(Obstacle) -> [Step] {
    guard let candidate = try choose(forced, files) else { throw noPrimary(forced) }
    try check(candidate)
    let file = candidate.file
    let bytes = try inserting(candidate.content, file.name)
    if file.name.isSinglePlugin {
      let list = try files.listName(for: file, now: found.now)
      lead = list
      let step = Step.convert(file, to: list, former: files.folder[list]?.file, bytes: bytes)
      return try [step] + tidying(files, keeping: list, madeOf: file.name)
    }
    lead = file.name
    // Inserting what is in place changes nothing.
    return try (bytes == file.bytes ? [] : [.edit(file, bytes: bytes)]) + tidying(files, keeping: file.name)
  }

  private mutating func owned(_ name: String, _ forced: String?, _ files: Provenance) throws(Obstacle) -> [Step] {
    guard name.hasSuffix(".conflist"), !name.contains("/") else {
      throw Obstacle(
        .badName, "our own list cannot be called \"\(name)\"",
        remedy: "set ISTIO_OWNED_CNI_CONFIG_FILENAME to a name that ends in .conflist")
    }
    let present = try ownFile(name, files, setting: "ISTIO_OWNED_CNI_CONFIG_FILENAME")
    let old = present.flatMap { try? $0.content.get() }
    let candidate = try choose(forced, files)
    if let candidate { try check(candidate) }
    try requireLead(of: name, files)
    lead = name
    let bytes: [UInt8]
    switch (candidate, old) {
    case (let candidate?, let old?) where isDoubtful(candidate, old):
      warnings.append("\(name) stays as it is until the broken file is written anew, since it is of another network")
      bytes = try inserting(old, name)
    case (let candidate?, _): bytes = try chain(behind: candidate, files)
    case (nil, let old?):
      warnings.append(
        "\(forced ?? "another plugin's configuration") is not there; \(name) stays as it is, so that pods can start")
      bytes = try inserting(old, name)
    case (nil, nil): throw noPrimary(forced)
    }
    return try writing(name, bytes, present) + tidying(files, keeping: name)
  }

  /// The primary's chain with ours, made from what its file is once our entry is out, so that it does not matter whether
  /// that has been done.
  private func chain(behind candidate: PrimaryChoice.Candidate, _ files: Provenance) throws(Obstacle) -> [UInt8] {
    let content = candidate.content
    let isMade = !candidate.isRecovered && files.folder[candidate.file.name].flatMap(files.source) != nil
    do throws(ConfigurationFault) {
      let base =
        if isMade, let plugin = content.edit.unwrapping() {
          try NetworkConfigurationFile(parsing: plugin, kind: .plugin)
        } else {
          try NetworkConfigurationFile(parsing: content.edit.removing(), kind: content.kind)
        }
      return try base.edit.inserting(wanted.entry)
    } catch {
      throw .uneditable(candidate.file.name, error)
    }
  }

  private mutating func standalone(_ name: String, _ files: Provenance) throws(Obstacle) -> [Step] {
    guard name.isConfiguration, !name.contains("/") else {
      throw Obstacle(
        .badName, "our own configuration cannot be called \"\(name)\"",
        remedy: "set CNI_CONF_NAME to a name that ends in .conf or .conflist")
    }
    let present = try ownFile(name, files, setting: "CNI_CONF_NAME")
    let bytes = wanted.entry.standalone(isList: name.hasSuffix(".conflist"))
    return try writing(name, bytes, present) + tidying(files, keeping: name)
  }

  // MARK: Parts of it

  private mutating func choose(
    _ forced: String?, _ files: Provenance
  ) throws(Obstacle) -> PrimaryChoice.Candidate? {
    var choice = PrimaryChoice(files, now: found.now)
    defer { passedOver = choice.passedOver.filter { $0.name != primary } }
    let candidate: PrimaryChoice.Candidate?
    if let forced {
      // What leads instead, or why it cannot be told, does not matter to a name that is given.
      _ = try? choice.leading()
      candidate = try choice.forced(forced)
    } else {
      candidate = try choice.leading()
    }
    primary = candidate?.file.name
    return candidate
  }

  /// What keeps our entry out of a list, and what a person should know about the list.
  private mutating func check(_ candidate: PrimaryChoice.Candidate) throws(Obstacle) {
    let name = candidate.file.name
    let content = candidate.content
    if let version = content.version, !version.isEmpty, SpecVersion(rawValue: version) == nil {
      throw Obstacle(
        .unsupportedVersion,
        "cannot add \(NodeLayout.pluginName) to \(name): with cniVersion \"\(version)\" it would fail for every pod",
        remedy: "use a version up to \(SpecVersion.newest.rawValue) there, or a newer \(NodeLayout.pluginName)")
    }
    if candidate.isRecovered {
      warnings.append("\(name) is broken, and is taken for what it held before our entry came in")
    }
    if content.includesFolder, found.folder?.folders.contains(content.name) == true {
      warnings.append(
        "with newer runtimes the plugins in the folder \(content.name) run after ours, and may undo what it does;"
          + " set loadOnlyInlinedPlugins in \(name) if they are not wanted")
    }
  }

  private func inserting(_ content: NetworkConfigurationFile, _ name: String) throws(Obstacle) -> [UInt8] {
    do throws(ConfigurationFault) {
      return try content.edit.inserting(wanted.entry)
    } catch {
      throw .uneditable(name, error)
    }
  }

  private func noPrimary(_ forced: String?) -> Obstacle {
    let path = wanted.layout.configurationFolder
    return Obstacle(
      .noPrimary, "waiting for \(forced ?? "another plugin's network configuration") in \(path)",
      remedy: forced == nil
        ? "install the cluster's CNI plugin; it must write a .conflist or .conf file there"
        : "let the cluster's CNI plugin write it, or leave CNI_CONF_NAME empty to use the first file")
  }

  // MARK: Files of our own

  /// The file that has our own file's name, if that is ours.
  private func ownFile(
    _ name: String, _ files: Provenance, setting: String
  ) throws(Obstacle) -> ConfigurationFolder.Entry? {
    if let unreadable = files.folder.unreadable.first(where: { $0.name == name }) {
      throw .unreadable(name, unreadable.error)
    }
    let entry = files.folder[name]
    if files.folder.others.contains(name) || entry.map(files.isOwn) == false {
      throw Obstacle(
        .nameTaken, "cannot write our own configuration \(name): another's is there",
        remedy: "remove it, or set \(setting) to another name")
    }
    return entry
  }

  private func writing(_ name: String, _ bytes: [UInt8], _ present: ConfigurationFolder.Entry?) -> [Step] {
    let isSame = present?.file.bytes == bytes && present?.file.identity.mode == wanted.newFileMode
    return isSame ? [] : [.writeOwnFile(name: name, bytes: bytes)]
  }

  /// Whether `candidate` may not be the network of which our own list was made, since a broken file comes first: that
  /// one's owner will write it anew, and pods must not get another network until then.
  private func isDoubtful(_ candidate: PrimaryChoice.Candidate, _ old: NetworkConfigurationFile) -> Bool {
    !passedOver.isEmpty && candidate.content.name != old.name
  }

  private func requireLead(of name: String, _ files: Provenance) throws(Obstacle) {
    guard let first = files.loadable(before: name).first else { return }
    throw Obstacle(
      .ownFileSortsLate, "our own list \(name) would not be used: \(first) sorts before it",
      remedy: "set ISTIO_OWNED_CNI_CONFIG_FILENAME to a name that sorts before \(first)")
  }

  // MARK: Afterwards

  /// Takes our entry out of all files but one, and removes what is no longer wanted of ours.
  ///
  /// - Parameter source: the single plugin's file of which that one is made by the same plan.
  private func tidying(
    _ files: Provenance, keeping name: String, madeOf source: String? = nil
  ) throws(Obstacle) -> [Step] {
    let rest = files.folder.entries.filter { $0.name != name && $0.name != source }
    var steps: [Step] = []
    for entry in rest where !files.isOwn(entry) {
      if let step = try files.givingBack(entry, now: found.now) { steps.append(step) }
    }
    return steps + rest.filter(files.isOwn).map { .removeOwnFile($0.file) }
      + files.outdated(besides: source ?? name).map { .removeLeftover(path: "\(wanted.layout.originals)/\($0)") }
  }

  private mutating func warn(aboutLeadIn files: Provenance) {
    for (broken, fault) in passedOver {
      let isBefore = lead.map { broken.sortsBefore($0) } ?? true
      warnings.append(
        "\(broken) is broken: \(fault);"
          + (isBefore
            ? " CRI-O passes over it, but containerd has no network as long as it is there" : " it is passed over"))
    }
    guard let name = lead else { return }
    for other in files.folder.others where other.hasSuffix(".json") && other.sortsBefore(name) {
      warnings.append("\(other) sorts before \(name), and runtimes use it if it is a network configuration")
    }
    guard let first = files.loadable(before: name).first(where: { $0 != primary }) else { return }
    warnings.append("\(first) sorts before \(name), and runtimes use that")
  }
}
