package import CLinux
import Glibc

/// Files that are made complete before they take a name that others look for.
package enum NewFile {
  /// Makes a file at `path`, where nothing may be, with this content and mode, whatever the umask is. It reaches the
  /// disk; its name may not.
  ///
  /// - Parameters:
  ///   - template: Whose owner and group the file gets; nil makes it this process's.
  ///   - modified: When it was written last, as it shall seem; nil is now.
  /// - Throws: the step that failed; there is no file then.
  package static func make(
    _ path: String, _ bytes: [UInt8], mode: mode_t, ownedLike template: FileIdentity? = nil, modified: Duration? = nil
  ) throws(SystemError) {
    try make(path, mode: mode, ownedLike: template, modified: modified) { (file) throws(SystemError) in
      try file.writeAll(bytes, to: path)
    }
  }

  /// Makes a file at `path`, where nothing may be, with what `source` holds, read and written piece by piece.
  ///
  /// - Throws: the step that failed; there is no file then.
  package static func make(_ path: String, copyOf source: String, mode: mode_t) throws(SystemError) {
    let original = try OwnedDescriptor.open(source, O_RDONLY)
    try make(path, mode: mode, ownedLike: nil, modified: nil) { (file) throws(SystemError) in
      while true {
        let piece = try original.readPiece(of: source)
        if piece.isEmpty { return }
        try file.writeAll(piece, to: path)
      }
    }
  }

  private static func make(
    _ path: String, mode: mode_t, ownedLike template: FileIdentity?, modified: Duration?,
    _ fill: (borrowing OwnedDescriptor) throws(SystemError) -> Void
  ) throws(SystemError) {
    let file = try OwnedDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    do throws(SystemError) {
      try fill(file)
      if let template {
        try retrying("fchown", path) { file.withRawValue { fchown($0, template.owner, template.group) } }
      }
      // After the owner: a change of that clears bits.
      try retrying("fchmod", path) { file.withRawValue { fchmod($0, mode) } }
      if let (seconds, attoseconds) = modified?.components {
        try retrying("futimens", path) {
          file.withRawValue { clinux_set_modified($0, seconds, attoseconds / 1_000_000_000) }
        }
      }
      try retrying("fsync", path) { file.withRawValue { fsync($0) } }
      try file.close()
    } catch {
      // Best effort: the error that matters is the one on its way.
      unsafe unlink(path)
      throw error
    }
  }
}

/// 1 MiB: a binary takes about fifteen pieces.
private let pieceByteCount = 1 << 20

extension OwnedDescriptor {
  /// The next piece of a file, short only at its end; none means the end.
  fileprivate borrowing func readPiece(of path: String) throws(SystemError) -> [UInt8] {
    do throws(SystemError) {
      var piece = try read(pieceByteCount)
      while piece.count < pieceByteCount {
        let rest = try read(pieceByteCount - piece.count)
        if rest.isEmpty { break }
        piece += rest
      }
      return piece
    } catch {
      throw SystemError("read", path, error.errno)
    }
  }
}

/// Whether two files hold the same bytes.
///
/// - Throws: what keeps either from being read; the error names it.
package func haveSameContent(_ path: String, _ other: String) throws(SystemError) -> Bool {
  let file = try OwnedDescriptor.open(path, O_RDONLY)
  let otherFile = try OwnedDescriptor.open(other, O_RDONLY)
  while true {
    let piece = try file.readPiece(of: path)
    if try piece != otherFile.readPiece(of: other) { return false }
    if piece.isEmpty { return true }
  }
}
