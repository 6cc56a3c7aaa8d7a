import CLinux
import Glibc
import SystemPackage

/// A mount namespace, kept alive by an open descriptor of it.
package struct MountNamespace: ~Copyable, Sendable {
  private let descriptor: OwnedDescriptor

  /// A private copy of the calling thread's mounts: no mount travels from one to the other, in either direction.
  package static func create() throws(SystemError) -> MountNamespace {
    try onDedicatedThread { () throws(SystemError) in
      try retrying("unshare", "CLONE_NEWNS") { unshare(CLONE_NEWNS) }
      try retrying("mount", "MS_REC | MS_PRIVATE") { clinux_make_mounts_private() }
      return MountNamespace(descriptor: try OwnedDescriptor.open("/proc/thread-self/ns/mnt", O_RDONLY))
    }
  }

  /// Runs `body` on a dedicated thread inside the namespace.
  package borrowing func run<R: ~Copyable & Sendable>(
    _ body: @escaping @Sendable () throws(SystemError) -> R
  ) throws(SystemError) -> R {
    let descriptor = descriptor.withRawValue { $0 }
    return try onDedicatedThread { () throws(SystemError) in
      try enterMounts(descriptor)
      return try body()
    }
  }

  /// Runs `body` on a dedicated thread inside this namespace and a network namespace.
  package borrowing func run<R: ~Copyable & Sendable>(
    with network: borrowing NetworkNamespace, _ body: @escaping @Sendable () throws(SystemError) -> R
  ) throws(SystemError) -> R {
    let descriptor = descriptor.withRawValue { $0 }
    return try network.run { () throws(SystemError) in
      try enterMounts(descriptor)
      return try body()
    }
  }
}

/// The kernel moves a thread to other mounts only if it shares root and working folder with no other thread.
private func enterMounts(_ descriptor: CInt) throws(SystemError) {
  try retrying("unshare", "CLONE_FS") { unshare(CLONE_FS) }
  try enter(descriptor, CLONE_NEWNS, "mnt")
}

/// Hides a folder behind an empty file system in memory, in the calling thread's mount namespace.
package func mountTemporaryFileSystem(at path: String) throws(SystemError) {
  try retrying("mount", path) { unsafe clinux_mount_tmpfs(path) }
}

/// Shows `file` to whoever opens `path`, in the calling thread's mount namespace; a path that does not exist stays
/// away.
///
/// For children that would read or lock the node's files: with mounts of their own they get others, and the node's are
/// not touched.
package func showFile(_ file: String, at path: String) throws(SystemError) {
  guard unsafe access(path, F_OK) == 0 else { return }
  try retrying("mount", path) { unsafe clinux_bind_mount(file, path) }
}
