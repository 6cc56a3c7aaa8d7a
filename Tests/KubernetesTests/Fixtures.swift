import Glibc
import JSON
import System

/// The repository's fixtures, found from this file upwards.
enum Fixtures {
  struct NotFound: Error {}

  /// The folder that holds `Package.swift`.
  static func projectFolder(from file: String = #filePath) throws -> String {
    var folder = file[...]
    while let slash = folder.lastIndex(of: "/") {
      folder = folder[..<slash]
      let candidate = "\(folder)/Package.swift"
      // A folder without one is only passed by.
      if (try? readFile(candidate, limit: 1 << 20)) != nil { return String(folder) }
    }
    throw NotFound()
  }

  /// `fixtures/pods/CASE/pod.json`.
  static func podText(_ name: String) throws -> [UInt8] {
    try readFile("\(try projectFolder())/fixtures/pods/\(name)/pod.json", limit: 1 << 20)
  }

  static func pod(_ name: String) throws -> JSONValue {
    try JSONValue(parsing: try podText(name))
  }
}

/// A folder that goes with its owner, and files in it.
final class TemporaryFolder {
  let path: String
  private let fileNames = ["kubeconfig", "token", "ca.crt"]

  init() throws {
    var template = Array("/tmp/kubernetes-tests-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw Fixtures.NotFound() }
    path = String(cString: made)
  }

  deinit {
    for name in fileNames { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  /// Writes one of the three files that the tests need, or writes it anew.
  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    precondition(fileNames.contains(name))
    let file = try OwnedDescriptor.open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    try file.writeAll(Array(text.utf8))
    return "\(path)/\(name)"
  }
}
