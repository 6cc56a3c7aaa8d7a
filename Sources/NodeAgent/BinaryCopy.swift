import System

/// Puts the plugin's binary in a folder of the runtime's.
enum BinaryCopy {
  /// Makes `path` a copy of `source`, or leaves what is there. Runs of an older binary go on.
  static func write(_ source: String, to path: String) throws(SystemError) {
    let temporary = temporaryPath(for: path)
    try NewFile.make(temporary, copyOf: source, mode: BinaryComparison.mode)
    do throws(SystemError) {
      try renameFile(temporary, to: path)
    } catch {
      // Best effort: the error that matters is the one on its way.
      _ = try? removeFile(temporary)
      throw error
    }
    try synchronizeFolder(folder(of: path))
  }
}
