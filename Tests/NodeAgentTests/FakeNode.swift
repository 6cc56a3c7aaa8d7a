import CNI
import JSON
import NodeAgent
import System
import Testing

/// A node in memory: steps do to it what they do to a real one.
struct FakeNode {
  static let layout = NodeLayout(
    binarySource: "/opt/cni/bin", binaryTargets: ["/host/opt/cni/bin"], configurationFolder: "/host/etc/cni/net.d",
    runDirectory: "/var/run/istio-cni", serviceAccountFolder: "/var/run/secrets/kubernetes.io/serviceaccount",
    stateFolder: "/host/etc/cni/net.d/.istio-cni", cacheFolder: "/host/var/lib/cni")
  static let binary = "/host/opt/cni/bin/istio-cni"

  static let entry: JSONObject = [
    "type": "istio-cni", "plugin_log_level": "info", "exclude_namespaces": ["kube-system"],
    "capabilities": ["dns": true, "io.kubernetes.cri.pod-annotations": true],
  ]

  static func wanted(_ placement: Wanted.Placement, entry: JSONObject = entry) -> Wanted {
    Wanted(layout: layout, placement: placement, entry: entry, kubeconfig: Array("kubeconfig".utf8))
  }

  private(set) var files: [String: ConfigurationFile] = [:]
  var originals: [String: ConfigurationFile] = [:]
  var journal = Journal()
  var folders: [String] = []
  var others: [String] = []
  var unreadable: [ConfigurationFolder.Unreadable] = []
  var binaries: [String: Found.Binary] = [binary: .missing]
  var kubeconfig: Found.Kubeconfig?
  var need = PluginNeed.none
  var leftovers: [String] = []
  /// Since 1970.
  var now = Duration.seconds(1_000_000)
  private var inodeCount: UInt64 = 0

  var found: Found {
    Found(
      folder: ConfigurationFolder(
        files: Array(files.values), others: others, folders: folders, unreadable: unreadable), binaries: binaries,
      kubeconfig: kubeconfig, originals: originals, journal: journal, leftovers: leftovers, need: need, now: now)
  }

  var bytes: [String: [UInt8]] { files.mapValues(\.bytes) }

  /// Writes a file as another program does; without bytes it goes.
  ///
  /// - Parameter age: how long ago.
  mutating func write(_ bytes: [UInt8]?, to name: String, age: Duration = .seconds(60), mode: UInt32 = 0o644) {
    guard let bytes else {
      files[name] = nil
      return
    }
    inodeCount += 1
    let identity = FileIdentity(
      device: 1, inode: inodeCount, size: bytes.count, mode: mode, owner: 0, group: 0, modified: now - age,
      changed: now - age)
    files[name] = ConfigurationFile(name: name, bytes: bytes, identity: identity)
  }

  mutating func write(_ text: String, to name: String, age: Duration = .seconds(60)) {
    write(Array(text.utf8), to: name, age: age)
  }

  /// Executes a plan.
  mutating func execute(_ plan: Plan) {
    for step in plan.steps { execute(step) }
  }

  mutating func execute(_ step: Step) {
    journal.begin(step, in: Self.layout)
    apply(step)
    journal.finish(step, in: Self.layout)
  }

  /// Does half of a step that has two halves, as a process does that is killed in between.
  mutating func executeHalf(_ step: Step) {
    journal.begin(step, in: Self.layout)
    switch step {
    case .convert(_, let list, _, let bytes): write(bytes, to: list)
    case .restoreConverted(_, let plugin, let bytes): write(bytes, to: plugin)
    default: break
    }
  }

  private mutating func apply(_ step: Step) {
    switch step {
    case .removeLeftover(let path):
      leftovers.removeAll { $0 == path }
      let folder = "\(Self.layout.originals)/"
      if path.hasPrefix(folder) { originals[String(path.dropFirst(folder.count))] = nil }
    case .writeBinary(let path): binaries[path] = .same
    case .writeKubeconfig: kubeconfig = Found.Kubeconfig(bytes: Array("kubeconfig".utf8), mode: 0o600)
    case .edit(let file, let bytes):
      take(file)
      write(bytes, to: file.name, mode: file.identity.mode)
    case .convert(let file, let list, let former, let bytes):
      #expect(files[list] == former)
      take(file)
      write(bytes, to: list, mode: file.identity.mode)
    case .writeOwnFile(let name, let bytes): write(bytes, to: name, mode: 0o600)
    case .removeOwnFile(let file):
      #expect(files[file.name] == file)
      files[file.name] = nil
    case .restore(let file, let bytes): give(bytes, back: file.name, from: file)
    case .restoreConverted(let file, let plugin, let bytes): give(bytes, back: plugin, from: file)
    case .removeKubeconfig: kubeconfig = nil
    case .removeBinary(let path): binaries[path] = .missing
    }
  }

  private mutating func take(_ file: ConfigurationFile) {
    #expect(files[file.name] == file)
    if file.isOriginal { originals[file.name] = file }
    files[file.name] = nil
  }

  private mutating func give(_ bytes: [UInt8], back name: String, from file: ConfigurationFile) {
    #expect(files[file.name] == file)
    files[file.name] = nil
    if let original = originals.removeValue(forKey: name), original.bytes == bytes {
      files[name] = original
    } else {
      write(bytes, to: name, mode: file.identity.mode)
    }
  }
}

extension FakeNode {
  /// The type of each plugin of each file that runtimes load, by name.
  var chains: [String: [String]] {
    files.values.reduce(into: [:]) { chains, file in
      guard file.name.hasSuffix(".conf") || file.name.hasSuffix(".conflist"),
        case .success(let content) = file.content
      else { return }
      chains[file.name] = content.pluginTypes
    }
  }

  /// The name of the file that runtimes use.
  var leading: String? { chains.keys.min { $0.utf8.lexicographicallyPrecedes($1.utf8) } }

  /// The files with our entry.
  var filesWithOurs: [String] { chains.filter { $0.value.contains("istio-cni") }.map(\.key).sorted() }

  /// `bytes` with an entry of our type at the end.
  static func inserting(_ entry: JSONObject, into bytes: [UInt8], name: String) throws -> [UInt8] {
    let kind = try #require(NetworkConfigurationFile.Kind(fileName: name))
    return try ConflistEdit(of: NetworkConfigurationFile(parsing: bytes, kind: kind), type: "istio-cni").inserting(
      entry)
  }

  /// `list` without entries of our type.
  static func removing(from list: [UInt8]) throws -> [UInt8] {
    try ConflistEdit(of: NetworkConfigurationFile(parsing: list, kind: .list), type: "istio-cni").removing()
  }
}
