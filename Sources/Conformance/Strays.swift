import Harness
import System

extension LabNode {
  /// A beginning for the names of files that nobody else has.
  static func strayName() -> String {
    "conformance-stray-\(String(UInt64.random(in: 0 ... .max), radix: 16))"
  }

  /// Runs attempts to lead the plugin astray with paths that end in a name, and checks that nothing whose name begins
  /// so lies where `..` can lead to from one of the usual data folders, outside of what `state` sees.
  func expectNoStray(_ name: String, after attempts: () throws -> Void) throws {
    let attempted = Result { try attempts() }
    let strays = try strays(name)
    // They are on the machine itself.
    for stray in strays { try tool("rm -rf '\(stray)'") }
    try expect(strays.isEmpty, "outside of its folders it has made \(strays.joined(separator: ", "))")
    try attempted.get()
  }

  private func strays(_ name: String) throws -> [String] {
    let parents = lab.manifest.dataFolders.compactMap { folder in
      folder.lastIndex(of: "/").map { String(folder[..<$0]) }
    }
    let folders = ["", "/etc", "/opt", "/tmp", "/var", "/var/lib", "/var/tmp"] + parents
    return try node.run { () throws(SystemError) in
      var found: Set<String> = []
      for folder in folders where isFolder("\(folder)/") {
        for entry in try names(inFolder: "\(folder)/").sorted() where entry.hasPrefix(name) {
          found.insert("\(folder)/\(entry)")
        }
      }
      return found.sorted()
    }
  }
}
