extension LabNode {
  /// Makes the folders read-only in which the plugin keeps files, as they appear in what has changed since `baseline`.
  ///
  /// - Returns: The folders; none if it keeps no files.
  @discardableResult
  func makeStateReadOnly(since baseline: State) throws -> [String] {
    let folders = try Set(fileFolders(since: baseline)).sorted()
    for folder in folders { try makeReadOnly(folder) }
    return folders
  }

  /// The top folders of the files and folders that have appeared: `/run/cni` for `/run/cni/networks/a/10.88.0.2`.
  private func fileFolders(since baseline: State) throws -> [String] {
    let roots = lab.manifest.dataFolders.filter { !$0.hasPrefix("/run/") } + ["/var/lib/cni"]
    return try state().differences(from: baseline).compactMap { line in
      guard let match = line.firstMatch(of: #/^\+ files: (?:file|folder) (\/[^ ]+) /#) else { return nil }
      let path = String(match.1)
      if let root = roots.first(where: path.hasPrefix) { return root }
      let parts = path.split(separator: "/")
      guard parts.count > 2 || line.hasPrefix("+ files: folder") else { return nil }
      return "/\(parts[0])/\(parts[1])"
    }
  }
}
