import Glibc
import System

/// The names in a folder, sorted.
func entries(of path: String) -> [String] {
  guard let folder = opendir(path) else { return [] }
  defer { closedir(folder) }
  var names: [String] = []
  while let entry = readdir(folder) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != ".", name != ".." { names.append(name) }
  }
  return names.sorted()
}

/// How many descriptors the process has open, without those that come and go beside the test: the listing's own, and
/// what Dispatch waits on, which enforces time limits.
func openDescriptorCount() -> Int {
  entries(of: "/proc/self/fd").count { number in
    // A descriptor that is closed by now has no link.
    guard let target = try? readLink("/proc/self/fd/\(number)") else { return false }
    return !["anon_inode:[timerfd]", "anon_inode:[eventpoll]", "anon_inode:[eventfd]"].contains(target)
  }
}
