import CNI
import System

/// Puts a plan to remove everything together.
///
/// As long as a file may name the plugin, its binary and kubeconfig stay: a node whose configuration names a plugin that
/// is not there starts no pod at all.
struct RemovingPlan {
  private let layout: NodeLayout
  private let found: Found

  private var steps: [Step] = []
  private var obstacles: [Obstacle] = []
  private var warnings: [String] = []

  init(_ layout: NodeLayout, _ found: Found) {
    self.layout = layout
    self.found = found
  }

  mutating func plan() -> Plan {
    if let fault = found.journalFault { warnings.append(fault.warning) }
    planConfiguration()
    if obstacles.isEmpty {
      dropOriginals()
      if found.kubeconfig != nil { steps.append(.removeKubeconfig) }
      planBinaries()
    }
    steps += found.leftovers.map { .removeLeftover(path: $0) }
    return Plan(steps: steps, obstacles: obstacles, warnings: warnings, primary: nil)
  }

  private mutating func planConfiguration() {
    guard let folder = found.folder, found.folderError == nil else {
      if let obstacle = noFolder() { obstacles.append(obstacle) }
      return
    }
    let files = Provenance(folder: folder, journal: found.journal, originals: found.originals, ownName: nil)
    for entry in folder.entries + folder.setAside {
      if files.isOwn(entry) {
        steps.append(.removeOwnFile(entry.file))
        continue
      }
      do throws(Obstacle) {
        if let step = try files.givingBack(entry, now: found.now) {
          steps.append(step)
        } else if case .failure(let fault) = entry.content, let obstacle = obstacle(entry, fault) {
          throw obstacle
        }
      } catch {
        obstacles.append(error)
      }
    }
    for unreadable in folder.unreadable where found.journal.names(unreadable.name) {
      obstacles.append(.unreadable(unreadable.name, unreadable.error))
    }
  }

  private func noFolder() -> Obstacle? {
    let path = layout.configurationFolder
    if let error = found.folderError {
      return Obstacle(
        .unreadable, "cannot read the folder of network configurations: \(error)",
        remedy: "mount the folder that the runtime reads at \(path)")
    }
    guard found.journal.namesConfiguration else { return nil }
    return Obstacle(
      .noFolder, "cannot take our entry out of the files in \(path): the folder is not there",
      remedy: "let it be there again, or remove the journal \(layout.journal) if the folder is gone for good")
  }

  /// Why our entry may be in a broken file whose original is not kept, or that is still being written.
  private func obstacle(_ entry: ConfigurationFolder.Entry, _ fault: ConfigurationFault) -> Obstacle? {
    let mentionsPlugin = entry.file.bytes.contains(Array("\"\(NodeLayout.pluginName)\"".utf8))
    guard mentionsPlugin || found.journal.hasEntry(in: entry.name) else { return nil }
    if entry.file.isYoung(at: found.now) { return .settling(entry.name, fault.problem) }
    guard mentionsPlugin else { return nil }
    return Obstacle(
      .uneditable, "cannot take our entry out of \(entry.name): \(fault.position): \(fault.problem)",
      remedy: "correct the file, or remove the plugin of type \(NodeLayout.pluginName) by hand")
  }

  /// Removes originals that no step gives back: their files are gone, or another's by now.
  private mutating func dropOriginals() {
    var used: Set<String> = []
    for step in steps {
      switch step {
      case .restore(let file, _): used.insert(file.name)
      case .restoreConverted(_, let name, _): used.insert(name)
      default: break
      }
    }
    for name in found.originals.keys.sorted() where !used.contains(name) {
      steps.append(.removeLeftover(path: "\(layout.originals)/\(name)"))
    }
  }

  private mutating func planBinaries() {
    let marked = found.journal.marks.compactMap { if case .binary(let path) = $0 { path } else { nil } }
    let known = layout.targetBinaries + marked.filter { !layout.targetBinaries.contains($0) }
    let present = known.filter { (found.binaries[$0] ?? .missing) != .missing }
    switch found.need {
    case .none: steps += present.reversed().map { .removeBinary(path: $0) }
    case .attachments(let names):
      let shown = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
      warnings += present.map { "\($0) is kept, since the runtime will call it to delete \(shown)" }
    case .unknown(let reason):
      warnings += present.map { "\($0) is kept, since it cannot be told whether the runtime needs it: \(reason)" }
    }
  }
}

extension Journal {
  /// Whether a file in the folder of configurations has been written.
  fileprivate func names(_ file: String) -> Bool { hasEntry(in: file) || marks.contains(.ownFile(name: file)) }

  fileprivate var namesConfiguration: Bool {
    marks.contains { mark in
      switch mark {
      case .entry, .ownFile: true
      case .binary, .kubeconfig: false
      }
    }
  }
}
