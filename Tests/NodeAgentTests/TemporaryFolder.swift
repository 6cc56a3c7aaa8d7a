import Foundation
import System

/// A folder of a test's own, removed with all that is in it.
struct TemporaryFolder: ~Copyable {
  let path: String

  init() throws(SystemError) {
    path = "/tmp/node-agent-tests-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    try makeFolder(path)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Writes `text` to the file `name`, whose folder is made if need be.
  ///
  /// - Parameter age: how long ago it is to have been written.
  func write(_ text: String, to name: String, age: Duration = .zero) throws {
    let file = URL(filePath: "\(path)/\(name)")
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
    let date = Date(timeIntervalSinceNow: -Double(age.components.seconds))
    try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: file.path)
  }
}
