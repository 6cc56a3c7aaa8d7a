import CLinux
import Glibc

/// Gives a file another name, in the place of what has that name.
package func renameFile(_ path: String, to other: String) throws(SystemError) {
  try retrying("rename", other) { unsafe rename(path, other) }
}

/// Gives a file a name that nothing has.
///
/// - Throws: `EEXIST` if something has it.
package func renameFile(_ path: String, toNew other: String) throws(SystemError) {
  try retrying("renameat2", other) { unsafe clinux_rename_new(path, other) }
}

/// Lets two files exchange their names. There is no moment at which one of the names is not there.
///
/// - Throws: `EINVAL` if the file system cannot, and `ENOSYS` if the kernel, or what filters its calls, does not know.
package func exchangeFiles(_ path: String, _ other: String) throws(SystemError) {
  try retrying("renameat2", other) { unsafe clinux_exchange(path, other) }
}

/// Gives the file at `path` a second name, that nothing has; of a link, the link itself.
package func linkFile(_ path: String, to other: String) throws(SystemError) {
  try retrying("link", other) { unsafe link(path, other) }
}

/// Makes a symbolic link at `path`, where nothing may be.
package func makeLink(_ path: String, to target: String) throws(SystemError) {
  try retrying("symlink", path) { unsafe symlink(target, path) }
}

/// Whether there is a symbolic link at `path`.
package func isLink(_ path: String) -> Bool {
  var status = stat()
  return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
}

/// Waits until the names in a folder are on the disk.
package func synchronizeFolder(_ path: String) throws(SystemError) {
  let folder = try OwnedDescriptor.open(path, O_RDONLY | O_DIRECTORY)
  try retrying("fsync", path) { folder.withRawValue { fsync($0) } }
}
