package import CLinux
import Glibc
import SystemPackage

/// Files that are replaced as a whole: a reader, or the next boot, finds the old content or the new one.
package enum AtomicFile {
  /// Makes `path` a file with this content and mode, whatever was there before and whatever the umask is.
  ///
  /// The content goes to a temporary file in the same folder, reaches the disk, and then takes the name. A failure
  /// up to that point leaves the old file as it was and removes the temporary one.
  ///
  /// - Throws: the step that failed. Only `fsync` of the folder fails after the name was taken: the new content is
  ///   visible then, and might not survive a power cut.
  package static func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws(SystemError) {
    let folder = folder(of: path)
    let temporary = temporaryPath(for: path)
    let directory = try OwnedDescriptor.open(folder, O_RDONLY | O_DIRECTORY)
    let file = try OwnedDescriptor.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    do throws(SystemError) {
      try fill(file, bytes, mode: mode, path: temporary)
      try file.close()
      try retrying("rename", path) { unsafe rename(temporary, path) }
    } catch {
      // Best effort: the error that matters is the one on its way.
      unsafe unlink(temporary)
      throw error
    }
    try synchronize(directory, path: folder)
  }

  private static func fill(
    _ file: borrowing OwnedDescriptor, _ bytes: [UInt8], mode: mode_t, path: String
  ) throws(SystemError) {
    try file.writeAll(bytes, to: path)
    try retrying("fchmod", path) { file.withRawValue { fchmod($0, mode) } }
    try synchronize(file, path: path)
  }

  private static func synchronize(_ file: borrowing OwnedDescriptor, path: String) throws(SystemError) {
    try retrying("fsync", path) { file.withRawValue { fsync($0) } }
  }
}
