import CNI

extension Found {
  /// The marks of what there is of ours: those of the journal that are still true, in their order, and those that it
  /// lacks.
  func standing(in layout: NodeLayout, ownName: String?) -> [Journal.Mark] {
    let present = present(in: layout, ownName: ownName)
    let kept = journal.marks.filter { mark in
      switch mark {
      case .binary, .kubeconfig, .ownFile: present.contains(mark)
      // The name of the original is known from the journal alone.
      case .entry(let file, _): present.contains { $0.isEntry(in: file) }
      }
    }
    return kept
      + present.filter { mark in
        guard case .entry(let file, _) = mark else { return !kept.contains(mark) }
        return !kept.contains { $0.isEntry(in: file) }
      }
  }

  private func present(in layout: NodeLayout, ownName: String?) -> [Journal.Mark] {
    var marks: [Journal.Mark] = []
    for path in binaries.keys.sorted() where binaries[path] != .missing { marks.append(.binary(path: path)) }
    if kubeconfig != nil { marks.append(.kubeconfig(path: layout.kubeconfig)) }
    guard let folder else { return marks }
    let files = Provenance(folder: folder, journal: journal, originals: originals, ownName: ownName)
    for entry in folder.entries + folder.setAside {
      if files.isOwn(entry) {
        marks.append(.ownFile(name: entry.name))
      } else if entry.hasOurs(or: journal) {
        let original = files.source(of: entry) ?? (originals[entry.name] == nil ? nil : entry.name)
        marks.append(.entry(file: entry.name, original: original))
      }
    }
    return marks
  }
}

extension ConfigurationFolder.Entry {
  /// Whether our entry is in it; of a broken file the journal tells.
  fileprivate func hasOurs(or journal: Journal) -> Bool {
    guard case .success(let content) = content else { return journal.hasEntry(in: name) }
    return content.pluginTypes.contains(NodeLayout.pluginName)
  }
}

extension Journal.Mark {
  fileprivate func isEntry(in file: String) -> Bool {
    if case .entry(file, _) = self { true } else { false }
  }
}
