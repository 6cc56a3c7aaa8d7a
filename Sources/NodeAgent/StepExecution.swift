import System

/// Carries steps out.
struct StepExecution {
  let layout: NodeLayout
  /// What is written; nil for a removal, which writes nothing of it.
  let wanted: Wanted?
  let exchange: FileExchange

  /// - Returns: ``FileExchange/Outcome/changed`` if another writer came in between; nothing was done then.
  func execute(_ step: Step) throws(SystemError) -> FileExchange.Outcome {
    let configurations = ConfigurationExchange(layout: layout, exchange: exchange)
    switch step {
    case .removeLeftover(let path): try LeftoverRecovery(layout: layout).remove(path)
    case .writeBinary(let path): try BinaryCopy.write(layout.sourceBinary, to: path)
    case .writeKubeconfig:
      guard let wanted else { break }
      try makeFolders(layout.runDirectory)
      try AtomicFile.write(wanted.kubeconfig, to: layout.kubeconfig, mode: wanted.kubeconfigMode)
    case .edit(let file, let bytes): return try configurations.edit(file, bytes)
    case .convert(let file, let list, let former, let bytes):
      return try configurations.convert(file, to: list, former: former, bytes)
    case .writeOwnFile(let name, let bytes):
      try configurations.writeOwn(name, bytes, mode: wanted?.newFileMode ?? 0o600)
    case .removeOwnFile(let file): return try configurations.removeOwn(file)
    case .restore(let file, let bytes): return try configurations.restore(file, bytes)
    case .restoreConverted(let list, let name, let bytes):
      return try configurations.restoreConverted(list, to: name, bytes)
    case .removeKubeconfig: try removeDurably(layout.kubeconfig)
    case .removeBinary(let path): try removeDurably(path)
    }
    return .done
  }

  private func removeDurably(_ path: String) throws(SystemError) {
    if try removeFile(path) { try synchronizeFolder(folder(of: path)) }
  }
}
