import Glibc
package import System
import SystemPackage

/// A folder as kubelet mounts ConfigMaps, Secrets and tokens: every key is a link through `..data` into a folder of the
/// content's own, and an update swaps that one link.
///
/// Source: `AtomicWriter` of Kubernetes, pkg/volume/util/atomic_writer.go.
package struct KubeletVolume: Sendable {
  package let path: String
  private let node: Node

  /// - Parameter path: Where it is mounted on the node. There is nothing until the first ``update(_:)``.
  package init(at path: String, on node: Node) {
    self.path = path
    self.node = node
  }

  /// Makes `files` the whole content, at one moment for who reads through `..data`.
  package func update(_ files: [String: String]) throws(SystemError) {
    try node.run { [path] () throws(SystemError) in try Self.update(path, files) }
  }

  /// As ``update(_:)``, of a folder that this process sees.
  package static func update(_ path: String, _ files: [String: String]) throws(SystemError) {
    try makeFolders(path)
    let before = try names(inFolder: path).filter { $0.hasPrefix("..") && $0 != "..data" }
    let stamp = "..2026_01_01_00_00_00.\(UInt32.random(in: 0 ... .max))"
    try makeFolder("\(path)/\(stamp)")
    for (name, text) in files { try PlainFile.write(Array(text.utf8), to: "\(path)/\(stamp)/\(name)", mode: 0o644) }
    try link(to: stamp, at: "\(path)/..data_tmp")
    guard rename("\(path)/..data_tmp", "\(path)/..data") == 0 else {
      throw SystemError("rename", "\(path)/..data", Errno(rawValue: errno))
    }
    let shown = try names(inFolder: path).filter { !$0.hasPrefix("..") }
    for name in files.keys where !shown.contains(name) { try link(to: "..data/\(name)", at: "\(path)/\(name)") }
    for name in shown where files[name] == nil { try removeFile("\(path)/\(name)") }
    for folder in before {
      for name in try names(inFolder: "\(path)/\(folder)") { try removeFile("\(path)/\(folder)/\(name)") }
      guard rmdir("\(path)/\(folder)") == 0 else {
        throw SystemError("rmdir", "\(path)/\(folder)", Errno(rawValue: errno))
      }
    }
  }

  private static func link(to target: String, at path: String) throws(SystemError) {
    guard symlink(target, path) == 0 else { throw SystemError("symlink", path, Errno(rawValue: errno)) }
  }
}
