import System

/// The folder of the running program, where its sibling binaries are.
package func executableFolder() throws -> String {
  let executable = try readLink("/proc/self/exe")
  return String(executable[..<(executable.lastIndex(of: "/") ?? executable.startIndex)])
}

/// A path that still means the same on a node, whose processes start in the root folder.
package func absolutePath(_ path: String) throws -> String {
  path.hasPrefix("/") ? path : "\(try readLink("/proc/self/cwd"))/\(path)"
}
