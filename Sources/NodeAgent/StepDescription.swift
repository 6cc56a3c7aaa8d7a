import CNI

extension Step: CustomStringConvertible {
  /// A line for people: what is done to what, and why.
  package var description: String {
    switch self {
    case .removeLeftover(let path): "remove \(path), which is left from a writer that was killed"
    case .writeBinary(let path): "copy the plugin to \(path), where it is missing or another"
    case .writeKubeconfig: "write the plugin's kubeconfig, which is missing or another"
    case .edit(let file, _): "edit \(file.name): put our entry at the end of its plugins, since \(file.reasonToEdit)"
    case .convert(let file, let list, _, _): "make the list \(list) of \(file.name), with our entry behind its plugin"
    case .writeOwnFile(let name, _): "write our own file \(name), which is missing or another"
    case .removeOwnFile(let file): "remove our own file \(file.name), which is not wanted any more"
    case .restore(let file, _): "take our entry out of \(file.name), which is then as it was"
    case .restoreConverted(let file, let plugin, _): "give back \(plugin), of which \(file.name) was made"
    case .removeKubeconfig: "remove the plugin's kubeconfig"
    case .removeBinary(let path): "remove \(path), which nothing needs any more"
    }
  }
}

extension ConfigurationFile {
  fileprivate var reasonToEdit: String {
    let content: NetworkConfigurationFile
    switch self.content {
    case .success(let found): content = found
    case .failure(let fault): return "the file is broken (\(fault.problem)), and its original is kept"
    }
    let edit = content.edit
    return switch edit.positions.count {
    case 0: "it has none"
    case 1: edit.isLast ? "the one there is not as set" : "the one there is not the last"
    case let count: "it has \(count)"
    }
  }
}
