package import CLinux
import Glibc

/// Small files whose content means nothing unless their writer has told somebody that it is there: notes that a crash
/// may lose or cut short. What must be whole is an ``AtomicFile``.
package enum PlainFile {
  /// Makes `path` a file with this content and mode, whatever the umask is; the content of an existing one is replaced.
  ///
  /// There is no temporary file, which a process that is killed would leave behind, and nothing waits for the disk.
  ///
  /// - Throws: the step that failed; there is no file then. `ELOOP` if `path` is a symbolic link.
  package static func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws(SystemError) {
    let file = try OwnedDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
    do throws(SystemError) {
      try retrying("fchmod", path) { file.withRawValue { fchmod($0, mode) } }
      try file.writeAll(bytes, to: path)
      try file.close()
    } catch {
      // Best effort: the error that matters is the one on its way.
      unsafe unlink(path)
      throw error
    }
  }
}

extension OwnedDescriptor {
  /// As `writeAll`, with the file's path in the error.
  borrowing func writeAll(_ bytes: [UInt8], to path: String) throws(SystemError) {
    do throws(SystemError) {
      try writeAll(bytes)
    } catch {
      throw SystemError("write", path, error.errno)
    }
  }
}

/// Adds `bytes` at the end of a file, which is made if it is not there.
package func appendToFile(_ bytes: [UInt8], at path: String, mode: mode_t) throws(SystemError) {
  let file = try OwnedDescriptor.open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: mode)
  try file.writeAll(bytes, to: path)
}
