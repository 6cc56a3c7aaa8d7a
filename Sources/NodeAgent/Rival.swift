import CNI

/// What is known of the program that undoes our repairs: the files, and the plugins that stand in them.
struct Rival: Sendable, Equatable {
  let fileNames: [String]
  let pluginTypes: [String]
  /// Whether only files that nobody else has a use for are fought about.
  private let isAboutOwnFiles: Bool

  /// - Parameter steps: the repairs that were undone.
  init(undoing steps: [Step]) {
    let files = steps.compactMap(\.editedFile)
    let ownFiles = steps.compactMap(\.ownFile)
    fileNames = Set(files.map(\.name) + ownFiles.map(\.name)).sorted()
    isAboutOwnFiles = files.isEmpty && !ownFiles.isEmpty
    // A file of our own has the plugins of the primary one's as well.
    let types = files.flatMap { Self.pluginTypes($0.name, $0.bytes) } + ownFiles.flatMap(Self.pluginTypes)
    pluginTypes = Set(types).subtracting([NodeLayout.pluginName]).sorted()
  }

  private static func pluginTypes(_ name: String, _ bytes: [UInt8]) -> [String] {
    guard let kind = NetworkConfigurationFile.Kind(fileName: name) else { return [] }
    // A file with a fault names nobody.
    return (try? NetworkConfigurationFile(parsing: bytes, kind: kind).pluginTypes) ?? []
  }

  /// What is fought about.
  var problem: String {
    let files = fileNames.isEmpty ? "the CNI configuration" : fileNames.joined(separator: ", ")
    let plugins = pluginTypes.isEmpty ? "" : " (\(pluginTypes.joined(separator: ", ")))"
    return "another program keeps undoing our changes of \(files)\(plugins); repairs now wait between attempts"
  }

  var remedy: String {
    let isCilium = (fileNames + pluginTypes).contains { $0.lowercased().contains("cilium") }
    let most = isCilium ? "set cni.exclusive=false in Cilium's values" : "let that program keep files of others"
    return isAboutOwnFiles ? most : "\(most), or set ISTIO_OWNED_CNI_CONFIG=true here, which leaves its file alone"
  }
}

extension Step {
  /// The file of another's that it changes.
  fileprivate var editedFile: ConfigurationFile? {
    switch self {
    case .edit(let file, _), .convert(let file, _, _, _), .restore(let file, _), .restoreConverted(let file, _, _): file
    default: nil
    }
  }

  /// A file of our own that it changes, with the content that it gives it.
  fileprivate var ownFile: (name: String, bytes: [UInt8])? {
    switch self {
    case .writeOwnFile(let name, let bytes): (name, bytes)
    case .removeOwnFile(let file): (file.name, [])
    default: nil
    }
  }

  /// Whether it changes the runtime's folder of configurations, where others write as well.
  var isOfConfiguration: Bool { editedFile != nil || ownFile != nil }

  /// The value of label `object` of `istio_cni_repairs_total`.
  var metricObject: String {
    switch self {
    case .removeLeftover: "leftover"
    case .writeBinary, .removeBinary: "binary"
    case .writeKubeconfig, .removeKubeconfig: "kubeconfig"
    default: "configuration"
    }
  }
}
