extension State {
  /// The paths of files and folders that are here and were not there, or with other content; without those below
  /// another one of them.
  ///
  /// - Parameter ignored: Regular expressions for differences that do not count.
  func newPaths(since baseline: State, ignoring ignored: [String] = []) -> [String] {
    let paths = differences(from: baseline, ignoring: ignored).compactMap { line -> String? in
      if let file = line.wholeMatch(of: #/\+ files: file (.+) [0-7]+ [0-9]+ bytes [0-9a-f]+/#) { return "\(file.1)" }
      if let folder = line.wholeMatch(of: #/\+ files: folder (.+) [0-7]+/#) { return "\(folder.1)" }
      return nil
    }
    return paths.filter { path in !paths.contains { path.hasPrefix("\($0)/") } }
  }
}

extension LabNode {
  /// Removes files and folders with all that is in them.
  func remove(_ paths: [String]) throws {
    for path in paths { try tool("rm -rf '\(path)'") }
  }

  /// Copies files and folders from another node, as a disk keeps them when a node starts again.
  func copy(_ paths: [String], from other: LabNode) throws {
    let words = paths.map { "'\($0)'" }.joined(separator: " ")
    // Text, for that is what a tool takes and gives.
    let archive = try other.tool("sh -c \"tar -P -c \(words) | base64\"")
    try tool("sh -c 'base64 -d | tar -P -x'", input: archive)
  }
}
