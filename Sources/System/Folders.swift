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
