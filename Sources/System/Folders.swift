import CLinux
import Glibc
import SystemPackage

/// Makes a folder that only root may write, whatever the umask is; an existing one is fine.
package func makeFolder(_ path: String) throws(SystemError) {
  do throws(SystemError) {
    try retrying("mkdir", path) { unsafe mkdir(path, 0o755) }
  } catch let error where error.errno == .fileExists {
    return
  }
  try retrying("chmod", path) { unsafe chmod(path, 0o755) }
}

/// Makes a folder and those that it is in, as ``makeFolder(_:)`` does, and sees to it that they outlive a power cut.
package func makeFolders(_ path: String) throws(SystemError) {
  if isFolder(path) { return }
  let parent = folder(of: path)
  if parent != path { try makeFolders(parent) }
  try makeFolder(path)
  try synchronizeFolder(parent)
}

/// Removes an empty folder.
///
/// - Returns: Whether there was one.
/// - Throws: `ENOTEMPTY` if something is in it.
@discardableResult
package func removeFolder(_ path: String) throws(SystemError) -> Bool {
  do throws(SystemError) {
    try retrying("rmdir", path) { unsafe rmdir(path) }
    return true
  } catch let error where error.errno == .noSuchFileOrDirectory {
    return false
  }
}

/// The names in a folder, without `.` and `..`, in no order.
///
/// - Throws: `ENOTDIR` for anything else, a link to a folder included.
package func names(inFolder path: String) throws(SystemError) -> [String] {
  let descriptor = try OwnedDescriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  guard let folder = unsafe descriptor.withRawValue({ unsafe fdopendir($0) }) else {
    throw SystemError("fdopendir", path, Errno(rawValue: Glibc.errno))
  }
  // The stream has taken the descriptor over.
  _ = descriptor.take()
  defer { unsafe closedir(folder) }
  var names: [String] = []
  while true {
    Glibc.errno = 0
    guard let entry = unsafe readdir(folder) else { break }
    let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
      unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
    }
    if name != ".", name != ".." { names.append(name) }
  }
  let errno = Errno(rawValue: Glibc.errno)
  guard errno.rawValue == 0 else { throw SystemError("readdir", path, errno) }
  return names
}

/// Whether there is something at `path`, be it a link to nowhere.
///
/// - Throws: what keeps the question from being answered.
package func exists(_ path: String) throws(SystemError) -> Bool {
  do throws(SystemError) {
    var status = stat()
    try retrying("lstat", path) { unsafe lstat(path, &status) }
    return true
  } catch let error where error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory {
    return false
  }
}

/// Removes the file at `path`; links are not followed.
///
/// - Returns: Whether there was one.
/// - Throws: `EISDIR` for a folder.
@discardableResult
package func removeFile(_ path: String) throws(SystemError) -> Bool {
  do throws(SystemError) {
    try retrying("unlink", path) { unsafe unlink(path) }
    return true
  } catch let error where error.errno == .noSuchFileOrDirectory {
    return false
  }
}

/// Whether `path` is a file that this process may execute.
package func isExecutable(_ path: String) -> Bool {
  unsafe access(path, X_OK) == 0
}

/// Where a symbolic link points.
package func readLink(_ path: String) throws(SystemError) -> String {
  var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
  let count = try retrying("readlink", path) { unsafe readlink(path, &bytes, bytes.count) }
  return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Whether `path` is a folder.
package func isFolder(_ path: String) -> Bool {
  var status = stat()
  return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Whether `path` is a file with content of its own, or a link to one: reading it does not wait for a writer.
package func isRegularFile(_ path: String) -> Bool {
  var status = stat()
  return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}

/// Sets the permission bits of a file.
package func setMode(_ mode: UInt32, of path: String) throws(SystemError) {
  try retrying("chmod", path) { unsafe chmod(path, mode) }
}

/// Tries to open a file to read.
///
/// - Throws: why it cannot be read; `EISDIR` for a folder.
package func checkReadable(_ path: String) throws(SystemError) {
  if isFolder(path) { throw SystemError("open", path, .isDirectory) }
  _ = try OwnedDescriptor.open(path, O_RDONLY | O_NONBLOCK)
}
