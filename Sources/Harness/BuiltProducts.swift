import System

/// The folder of the running program, where its sibling binaries are.
package func executableFolder() throws -> String {
  let executable = try readLink("/proc/self/exe")
  return String(executable[..<(executable.lastIndex(of: "/") ?? executable.startIndex)])
}
