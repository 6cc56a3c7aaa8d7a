import CNI
import Glibc
import JSON
import NodeAgent
import System
import TestKit
import Testing

/// The folders of a node, below a folder of a test's own, removed with all that is in it.
struct NodeFolder: ~Copyable {
  private let folder: TemporaryFolder
  var root: String { folder.path }
  let layout: NodeLayout

  static let binary = Array("a program".utf8)
  static let calico = #"{"name": "k8s-pod-network", "cniVersion": "0.3.1", "plugins": [{"type": "calico"}]}"#

  init() throws {
    let folder = try TemporaryFolder()
    let layout = Self.layout(folder.path)
    for name in ["source", "bin", "bin2", "net.d", "run", "cache", "account"] {
      try makeFolder("\(folder.path)/\(name)")
    }
    try AtomicFile.write(Self.binary, to: layout.sourceBinary, mode: 0o755)
    self.layout = layout
    self.folder = folder
  }

  static func layout(_ root: String) -> NodeLayout {
    NodeLayout(
      binarySource: "\(root)/source", binaryTargets: ["\(root)/bin", "\(root)/bin2"],
      configurationFolder: "\(root)/net.d", runDirectory: "\(root)/run", serviceAccountFolder: "\(root)/account",
      stateFolder: "\(root)/net.d/.istio-cni", cacheFolder: "\(root)/cache")
  }

  func wanted(_ placement: Wanted.Placement = .chained(fileName: nil)) -> Wanted { Self.wanted(layout, placement) }

  static func wanted(_ layout: NodeLayout, _ placement: Wanted.Placement = .chained(fileName: nil)) -> Wanted {
    Wanted(layout: layout, placement: placement, entry: FakeNode.entry, kubeconfig: Array("kubeconfig".utf8))
  }

  // MARK: Files

  func path(_ name: String) -> String { "\(layout.configurationFolder)/\(name)" }

  /// Writes a file of the folder of configurations as most do: beside it, then in its place.
  ///
  /// - Parameter age: how long ago, as it seems.
  func write(_ bytes: [UInt8], to name: String, mode: UInt32 = 0o644, age: Duration = .seconds(60)) throws {
    let temporary = "\(path(name)).new"
    try NewFile.make(temporary, bytes, mode: mode, modified: timeSinceEpoch() - age)
    try renameFile(temporary, to: path(name))
  }

  func write(_ text: String, to name: String, mode: UInt32 = 0o644, age: Duration = .seconds(60)) throws {
    try write(Array(text.utf8), to: name, mode: mode, age: age)
  }

  func bytes(_ name: String) throws -> [UInt8] { try readFile(path(name), limit: 1 << 24) }

  func chain(_ name: String) throws -> [String] {
    let kind = try #require(NetworkConfigurationFile.Kind(fileName: name))
    return try NetworkConfigurationFile(parsing: bytes(name), kind: kind).pluginTypes
  }

  /// The names in the folder of configurations, sorted.
  var configurations: [String] { get throws { try names(inFolder: layout.configurationFolder).sorted() } }

  /// All below the root but the lock, by path: what tells one file from another, and one state of it.
  var everything: [String: Facts] {
    get throws {
      var facts: [String: Facts] = [:]
      for path in folder.files where !isFolder("\(root)/\(path)") || isLink("\(root)/\(path)") {
        facts[path] = try Facts("\(root)/\(path)")
      }
      return facts
    }
  }
}

/// What is to be the same before an installation and after a removal.
struct Facts: Equatable {
  let link: String?
  let bytes: [UInt8]
  let inode: UInt64
  let mode: UInt32
  let owner: UInt32
  let group: UInt32
  let modified: Duration

  init(_ path: String) throws {
    link = isLink(path) ? try readLink(path) : nil
    bytes = (try? readFile(path, limit: 1 << 24)) ?? []
    var status = stat()
    try #require(lstat(path, &status) == 0)
    inode = UInt64(status.st_ino)
    mode = status.st_mode
    owner = status.st_uid
    group = status.st_gid
    modified = .seconds(status.st_mtim.tv_sec) + .nanoseconds(status.st_mtim.tv_nsec)
  }
}
