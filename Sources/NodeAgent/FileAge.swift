import System

extension FileIdentity {
  /// Whether the file was written to within `time` before `now`, which is since 1970. A file from further ahead than
  /// that was written before the clock was set back.
  func isModified(within time: Duration, of now: Duration) -> Bool {
    let age = now - modified
    return age <= time && age >= .zero - time
  }
}
