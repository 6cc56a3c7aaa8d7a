package import CNI
package import System
import SystemPackage

/// Since when STATUS has been failing, in a file of the agent's folder: in seconds since the node booted.
///
/// Kubernetes evicts the pods of a node that is not ready for 5 minutes, and these pods are as well as ever.
package struct StatusNote: Sendable {
  /// How long in a row STATUS says "not available" at most.
  package static let limit = Duration.seconds(240)

  private let runDirectory: RunDirectory?

  /// - Parameter runDirectory: nil when not configured.
  package init(_ runDirectory: RunDirectory?) {
    self.runDirectory = runDirectory
  }

  /// Forgets the failures, if there were any.
  package func clear() {
    // What stays only makes a later failure pass for an old one.
    if let runDirectory { _ = try? removeFile(runDirectory.statusNote) }
  }

  /// How long STATUS has been failing; zero the first time, which is noted. A time in the future counts as now: the node
  /// has booted since, and the folder is older.
  ///
  /// - Parameter now: since the node booted.
  /// - Throws: what keeps the note from being written.
  package func age(at now: Duration) throws(SystemError) -> Duration {
    guard let runDirectory else { throw SystemError("write", "status-failing-since", .noSuchFileOrDirectory) }
    let path = runDirectory.statusNote
    if let since = Self.time(in: path), since <= now { return now - since }
    let text = Array("\(now.components.seconds)\n".utf8)
    do throws(SystemError) {
      try PlainFile.write(text, to: path, mode: 0o600)
    } catch let error where error.errno == .noSuchFileOrDirectory {
      try makeFolder(runDirectory.path)
      try PlainFile.write(text, to: path, mode: 0o600)
    }
    return .zero
  }

  /// Nil also for what is no time: it will be written anew.
  private static func time(in path: String) -> Duration? {
    guard let bytes = try? readFile(path, limit: 32), bytes.last == UInt8(ascii: "\n"),
      let seconds = Int(String(decoding: bytes.dropLast(), as: UTF8.self)), seconds >= 0
    else { return nil }
    return .seconds(seconds)
  }
}
