import CLinux
import Glibc
import SystemPackage

/// Makes a folder that only root may write; an existing one is fine.
package func makeFolder(_ path: String) throws(SystemError) {
  do throws(SystemError) {
    try retrying("mkdir", path) { unsafe mkdir(path, 0o755) }
  } catch let error where error.errno == .fileExists {
    return
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

/// The names in a folder but `.` and `..`, sorted.
package func folderEntries(_ path: String) throws(SystemError) -> [String] {
  guard let folder = unsafe opendir(path) else { throw SystemError("opendir", path, Errno(rawValue: errno)) }
  defer { unsafe closedir(folder) }
  var names: [String] = []
  while let entry = unsafe readdir(folder) {
    let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
      unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
    }
    if name != "." && name != ".." { names.append(name) }
  }
  return names.sorted()
}
