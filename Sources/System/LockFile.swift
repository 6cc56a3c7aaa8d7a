import CLinux
import Glibc
import SystemPackage

/// A lock that one process on the node holds at a time, and that goes with the process.
///
/// Source: `flock(2)`. Two owners within one process exclude each other as well.
package struct LockFile: ~Copyable, Sendable {
  private let descriptor: OwnedDescriptor

  private init(_ descriptor: consuming OwnedDescriptor) {
    self.descriptor = descriptor
  }

  /// Takes the lock, and makes its file if there is none.
  ///
  /// - Parameter timeLimit: How long to wait for another holder.
  /// - Throws: `EWOULDBLOCK` when the time is up.
  package static func take(_ path: String, timeLimit: Duration) throws(SystemError) -> LockFile {
    let deadline = ContinuousClock.now + timeLimit
    while true {
      // Opened for reading: to close a file that was opened for writing is an event for those who watch its folder.
      let file = try OwnedDescriptor.open(path, O_RDONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
      do throws(SystemError) {
        try retrying("flock", path) { file.withRawValue { clinux_try_lock($0) } }
        // A holder that leaves removes the file: then this may be the lock of a file that nobody finds any more.
        if try isStill(file, at: path) { return LockFile(file) }
        continue
      } catch let error where error.errno == .wouldBlock {
        guard ContinuousClock.now < deadline else { throw error }
      }
      // The kernel's own wait has no limit.
      usleep(5000)
    }
  }

  /// Gives the lock up. So does the end of the owner, and of the process.
  package consuming func release() {}

  private static func isStill(_ file: borrowing OwnedDescriptor, at path: String) throws(SystemError) -> Bool {
    var held = stat()
    try retrying("fstat", path) { file.withRawValue { unsafe fstat($0, &held) } }
    var named = stat()
    do throws(SystemError) {
      try retrying("lstat", path) { unsafe lstat(path, &named) }
    } catch let error where error.errno == .noSuchFileOrDirectory {
      return false
    }
    return held.st_ino == named.st_ino && held.st_dev == named.st_dev
  }
}
