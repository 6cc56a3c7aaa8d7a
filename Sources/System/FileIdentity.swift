package import CLinux
import Glibc

/// What tells one state of a file from another: a file that was replaced or written to has another identity.
///
/// Source: `stat(2)`. The change time has the granularity of the kernel's clock tick; two writes within one, by a writer
/// that keeps size and inode, look the same.
package struct FileIdentity: Sendable, Equatable {
  package let device: UInt64
  package let inode: UInt64
  /// Bytes.
  package let size: Int
  /// Permission bits, without the type.
  package let mode: mode_t
  package let owner: uid_t
  package let group: gid_t
  /// Since 1970.
  package let modified: Duration
  /// Since 1970.
  package let changed: Duration

  /// Makes the identity of a file that has these properties.
  package init(
    device: UInt64, inode: UInt64, size: Int, mode: mode_t, owner: uid_t, group: gid_t, modified: Duration,
    changed: Duration
  ) {
    self.device = device
    self.inode = inode
    self.size = size
    self.mode = mode
    self.owner = owner
    self.group = group
    self.modified = modified
    self.changed = changed
  }

  /// - Throws: what `stat` says of `path`; links are followed.
  package init(of path: String) throws(SystemError) {
    var status = stat()
    try retrying("stat", path) { unsafe stat(path, &status) }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int(status.st_size)
    mode = status.st_mode & 0o7777
    owner = status.st_uid
    group = status.st_gid
    modified = .seconds(status.st_mtim.tv_sec) + .nanoseconds(status.st_mtim.tv_nsec)
    changed = .seconds(status.st_ctim.tv_sec) + .nanoseconds(status.st_ctim.tv_nsec)
  }
}
