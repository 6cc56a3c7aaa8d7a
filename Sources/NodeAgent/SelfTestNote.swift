import CNI
import System

/// What the agent lets the plugin's STATUS know of the self-test: a file with one line, which is there while it fails.
struct SelfTestNote: Sendable {
  /// Bytes; what the plugin reads at most.
  private static let sizeLimit = 2000

  private let path: String

  init(_ shared: RunDirectory) {
    path = shared.selfTestNote
  }

  /// Writes why the test failed; nil takes the note away.
  func set(_ failure: SelfTestFailure?) throws(SystemError) {
    guard let failure else {
      try removeFile(path)
      return
    }
    let line = "\(failure.problem); \(failure.remedy)".split(whereSeparator: \.isNewline).joined(separator: " ")
    try AtomicFile.write(Array(line.utf8.prefix(Self.sizeLimit - 1)) + [UInt8(ascii: "\n")], to: path, mode: 0o600)
  }
}
