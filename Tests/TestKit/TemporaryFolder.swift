import Glibc
package import System
import SystemPackage

/// A folder of a test's own, removed with all that is in it.
package struct TemporaryFolder: ~Copyable, Sendable {
  package let path: String

  package init() throws(SystemError) {
    path = "/tmp/istio-cni-tests-\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
    try makeFolder(path)
  }

  deinit { Self.remove(path) }

  /// Links are removed, and not followed.
  private static func remove(_ path: String) {
    guard unlink(path) != 0 else { return }
    // What cannot be listed cannot be emptied, and stays.
    for name in (try? System.names(inFolder: path)) ?? [] { remove("\(path)/\(name)") }
    rmdir(path)
  }

  /// What is in it, sorted; empty for one that is gone.
  package var names: [String] { ((try? System.names(inFolder: path)) ?? []).sorted() }

  /// Every file in it, by its path from here, sorted; links and empty folders count.
  package var files: [String] { Self.files(path, "") }

  private static func files(_ folder: String, _ prefix: String) -> [String] {
    // Of a file there are no names.
    ((try? System.names(inFolder: folder)) ?? []).sorted().flatMap { name in
      let inside = files("\(folder)/\(name)", "\(prefix)\(name)/")
      return inside.isEmpty ? [prefix + name] : inside
    }
  }

  /// Writes a file, with its folders.
  ///
  /// - Parameter age: How long ago it is to have been written.
  /// - Returns: Its path.
  @discardableResult
  package func write(
    _ text: String, to name: String, mode: UInt32 = 0o600, age: Duration = .zero
  ) throws(SystemError) -> String {
    let path = "\(path)/\(name)"
    try makeFolders(folder(of: path))
    try AtomicFile.write(Array(text.utf8), to: path, mode: mode)
    if age != .zero {
      let time = timespec(tv_sec: Int((timeSinceEpoch() - age).components.seconds), tv_nsec: 0)
      guard utimensat(AT_FDCWD, path, [time, time], 0) == 0 else {
        throw SystemError("utimensat", path, Errno(rawValue: errno))
      }
    }
    return path
  }
}
