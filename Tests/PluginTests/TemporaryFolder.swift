import Glibc
import System

/// A folder of a test's own, removed with all that is in it.
struct TemporaryFolder: ~Copyable {
  let path: String

  init() throws(SystemError) {
    path = "/tmp/plugin-tests-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    try makeFolder(path)
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    for name in (try? names(inFolder: path)) ?? [] { remove("\(path)/\(name)") }
    if rmdir(path) != 0 { unlink(path) }
  }

  /// Every file in it, by its path from here, sorted; links and empty folders count.
  var files: [String] { Self.files(path, "") }

  private static func files(_ folder: String, _ prefix: String) -> [String] {
    ((try? names(inFolder: folder)) ?? []).sorted().flatMap { name in
      let inside = files("\(folder)/\(name)", "\(prefix)\(name)/")
      return inside.isEmpty ? [prefix + name] : inside
    }
  }

  /// Writes a file, with its folders.
  func write(_ text: String, to name: String) throws(SystemError) {
    var folder = path
    for part in name.split(separator: "/").dropLast() {
      folder += "/\(part)"
      try makeFolder(folder)
    }
    try PlainFile.write(Array(text.utf8), to: "\(path)/\(name)", mode: 0o600)
  }
}
