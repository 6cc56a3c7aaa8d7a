import Glibc
package import System

/// What a process takes of its node, as `/proc` says.
package struct ProcessUsage: Sendable, Equatable {
  /// Memory in KiB: resident now, and at most so far.
  package let resident: Int
  package let peak: Int
  package let threadCount: Int
  package let descriptorCount: Int
  /// On all processors since the start, in user and kernel mode.
  package let processorTime: Duration

  /// - Throws: `ENOENT` for a process that is not there.
  ///
  /// Source: proc_pid_status(5), proc_pid_stat(5).
  package init(of pid: Int32) throws(SystemError) {
    let status = Self.text(try readFile("/proc/\(pid)/status", limit: 1 << 16)).split(separator: "\n")
    let number = { (key: String) in
      status.first { $0.hasPrefix("\(key):") }?.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0
    }
    resident = number("VmRSS")
    peak = number("VmHWM")
    threadCount = number("Threads")
    descriptorCount = try names(inFolder: "/proc/\(pid)/fd").count
    // The second field is the program's name in parentheses, and may hold anything. Behind it stands the third; user
    // and kernel time are the 14th and 15th.
    let line = Self.text(try readFile("/proc/\(pid)/stat", limit: 1 << 16))
    let fields = line[(line.lastIndex(of: ")") ?? line.startIndex)...].split(separator: " ").dropFirst()
    let ticks = fields.dropFirst(11).prefix(2).compactMap { Int($0) }.reduce(0, +)
    processorTime = .seconds(1) * ticks / sysconf(CInt(_SC_CLK_TCK))
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
