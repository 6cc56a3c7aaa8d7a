import CNI
import System

/// What writers of ours left when they were killed: temporary files that never took their names.
///
/// One of ``AtomicFile`` is called `.NAME.RANDOM`, one of Istio's own agent `NAME.tmp.RANDOM`.
package enum Leftovers {
  /// A writer needs far less; but its node may be busy.
  private static let writingTime = Duration.seconds(10)

  /// The paths of all that is left in the folders of a layout. What cannot be read is passed over: nothing depends on
  /// its being tidy.
  ///
  /// - Parameters:
  ///   - now: since 1970. What was written to less than 10 s ago may still get its name.
  ///   - isAlone: Whether no other agent of ours is at work. Then what has a name of ours is left, however young it is.
  package static func paths(
    in layout: NodeLayout, journal: Journal, now: Duration, isAlone: Bool = false
  ) -> [String] {
    func old(in folder: String, where isTemporary: (String) -> Bool) -> [String] {
      temporaries(in: folder, where: isTemporary).filter { path in
        // What is gone by now is no leftover.
        guard let identity = try? FileIdentity(of: path) else { return false }
        return isAlone && fileName(of: path).isOurTemporary || !identity.isModified(within: writingTime, of: now)
      }
    }

    let binary = { (name: String) in name.isTemporary(of: NodeLayout.pluginName) }
    let kubeconfig = { (name: String) in name.isTemporary(of: RunDirectory.kubeconfigName) }
    // In a folder of others' files, only what stands for a file that we may have written to.
    let configurations = journal.configurations
    let configuration = { (name: String) in configurations.contains { name.isOurTemporary(of: $0) } }
    let journal = { (name: String) in name.isOurTemporary(of: NodeLayout.journalName) }
    let original = { (name: String) in name.isOurTemporary }

    return layout.binaryTargets.flatMap { old(in: $0, where: binary) }
      + old(in: layout.runDirectory, where: kubeconfig)
      + old(in: layout.configurationFolder, where: configuration)
      + old(in: layout.stateFolder, where: journal) + old(in: layout.originals, where: original)
  }

  private static func temporaries(in folder: String, where isTemporary: (String) -> Bool) -> [String] {
    // With the dot a link is followed.
    let names = (try? names(inFolder: "\(folder)/.")) ?? []
    return names.filter(isTemporary).sorted().map { "\(folder)/\($0)" }.filter(isRegularFile)
  }
}

extension Journal {
  /// The names of the files that may have been written in the folder of configurations.
  fileprivate var configurations: Set<String> {
    var names: Set<String> = []
    for mark in marks {
      switch mark {
      case .entry(let file, let original): names.formUnion([file] + (original.map { [$0] } ?? []))
      case .ownFile(let name): names.insert(name)
      case .binary, .kubeconfig: break
      }
    }
    return names
  }
}

extension String {
  fileprivate func isTemporary(of name: String) -> Bool { isOurTemporary(of: name) || hasPrefix("\(name).tmp.") }

  fileprivate func isOurTemporary(of name: String) -> Bool {
    guard hasPrefix(".\(name).") else { return false }
    return isOurTemporary
  }

  /// Whether this may be the name of a temporary file of ours: behind the last dot are the digits, to base 36, of a
  /// number of 64 random bits. With fewer than 9 digits it is hardly ours; other programs use 6 letters.
  fileprivate var isOurTemporary: Bool {
    guard hasPrefix("."), let dot = utf8.dropFirst().lastIndex(of: UInt8(ascii: ".")) else { return false }
    let digits = utf8[utf8.index(after: dot)...]
    return (9...13).contains(digits.count)
      && digits.allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
      }
  }
}
