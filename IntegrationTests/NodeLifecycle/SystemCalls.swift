import Glibc
import Harness
import System

/// A system call of a program that is run the same way again and again.
struct SystemCall: Sendable, Hashable, CustomStringConvertible {
  let name: String
  /// Which call of that name it is in its thread, counted from 1, as strace counts for its injections.
  let ordinal: Int
  var opens: Bool { ["open", "openat", "creat"].contains(name) }
  /// Whether it takes room on the disk, or says whether what was written is there.
  var takesRoom: Bool { !["chmod", "fchmod", "fchmodat", "unlink", "unlinkat", "rmdir", "utimensat"].contains(name) }
  /// What it did, for messages.
  let text: String

  var description: String { "\(name) \(ordinal): \(text)" }

  static func == (left: SystemCall, right: SystemCall) -> Bool {
    left.name == right.name && left.ordinal == right.ordinal
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(ordinal)
  }
}

/// Runs of the installer under strace.
struct TracedInstaller {
  /// Where a run is cut off.
  struct Cut: Sendable, CustomStringConvertible {
    let call: SystemCall
    /// Whether the call is still made, and is the last one.
    let isAfter: Bool

    var description: String { "\(isAfter ? "after" : "before") \(call)" }
  }

  let host: AgentNode
  let arguments: [String]
  let environment: [String: String]

  private static let log = "/run/strace.log"

  /// What changes files, or makes a change last. Not every machine has each.
  private static let changing = [
    "open", "openat", "creat", "write", "pwrite64", "writev", "rename", "renameat", "renameat2", "unlink", "unlinkat",
    "mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "fsync",
    "fdatasync", "ftruncate", "truncate", "link", "linkat", "symlink", "symlinkat", "utimensat", "copy_file_range",
    "sendfile", "fallocate",
  ]

  /// Runs the installer undisturbed; again if its threads were such that their calls cannot be told apart.
  ///
  /// - Parameter prepare: Brings the node to where it was.
  /// - Returns: The calls that changed something on the node, in order.
  /// - Throws: `AgentFailure` if it does not end well, or if several threads change files each time.
  func changes(prepare: () throws -> Void) throws -> [SystemCall] {
    for _ in 0..<4 {
      if let calls = try? changes() { return calls }
      try prepare()
    }
    return try changes()
  }

  private func changes() throws -> [SystemCall] {
    let outcome = try run(["-y", "-s", "16", "-e", "trace=\(Self.changing.map { "?\($0)" }.joined(separator: ","))"])
    guard outcome.status == .exited(0) else {
      throw AgentFailure(
        description: "\(outcome.status): \(String(decoding: outcome.standardError, as: UTF8.self))")
    }
    var counts: [Substring: Int] = [:]
    var changers: Set<Substring> = []
    var calls: [SystemCall] = []
    let lines = String(decoding: try host.node.read(Self.log) ?? [], as: UTF8.self).split(separator: "\n")
    for (thread, name, text) in lines.compactMap(Self.call) {
      counts["\(thread) \(name)", default: 0] += 1
      guard Self.changesFiles(name, text) else { continue }
      changers.insert(thread)
      calls.append(SystemCall(name: String(name), ordinal: counts["\(thread) \(name)"] ?? 0, text: String(text)))
    }
    // strace counts each thread's calls by themselves: another thread that makes as many would be taken for this one.
    let others = Set(counts.keys.compactMap { $0.split(separator: " ").first }).subtracting(changers)
    let isAlone = calls.allSatisfy { call in
      call.opens || others.allSatisfy { counts["\($0) \(call.name)", default: 0] < call.ordinal }
    }
    guard changers.count == 1, isAlone else {
      throw AgentFailure(description: "several threads make the same calls: \(counts)")
    }
    return calls
  }

  /// Every state that the calls lead through, by a call that shows it.
  ///
  /// Not by those that open files, which are many, and made by all threads. What such a call makes is seen before the
  /// next call, and what was there before, after the call before.
  static func cuts(_ calls: [SystemCall]) -> [Cut] {
    calls.indices.flatMap { index -> [Cut] in
      if calls[index].opens { return [] }
      let isNextOpening = index + 1 == calls.count || calls[index + 1].opens
      return [Cut(call: calls[index], isAfter: false)]
        + (isNextOpening ? [Cut(call: calls[index], isAfter: true)] : [])
    }
  }

  /// Runs it up to a call.
  ///
  /// - Returns: Whether it got there.
  func kill(_ cut: Cut) throws -> Bool {
    let name = cut.call.name
    let inject = { (signal: String) in
      ["-e", "trace=\(name)", "-e", "inject=\(name):signal=\(signal):when=\(cut.call.ordinal)"]
    }
    // It comes before the call is made.
    if !cut.isAfter { return try run(inject("KILL")).status == .signalled(SIGKILL) }
    // No other can be had after the call: the pool's threads block what can be blocked.
    let process = try start(inject("STOP"))
    while process.isRunning {
      let log = String(decoding: try host.node.read(Self.log) ?? [], as: UTF8.self)
      guard let stop = log.split(separator: "\n").first(where: { $0.contains("stopped by SIGSTOP") }),
        let thread = pid_t(stop.prefix { $0.isNumber })
      else {
        usleep(2_000)
        continue
      }
      Glibc.kill(thread, SIGKILL)
      return try process.wait() != nil
    }
    return false
  }

  /// Runs it with one call failing.
  func fail(_ call: SystemCall, with error: String) throws -> ChildOutcome {
    try run(["-e", "trace=\(call.name)", "-e", "inject=\(call.name):error=\(error):when=\(call.ordinal)"])
  }

  private func run(_ options: [String]) throws -> ChildOutcome {
    try host.node.runProgram(
      Self.strace, command(options), environment: surroundings, timeLimit: .seconds(60))
  }

  private func start(_ options: [String]) throws -> AgentProcess {
    try host.node.remove(Self.log)
    return try AgentProcess(
      Self.strace, command(options), environment: surroundings, logPath: "/run/installer.log", on: host.node)
  }

  private static let strace = "/usr/bin/strace"

  private func command(_ options: [String]) -> [String] {
    ["-f", "-qq", "-o", Self.log] + options + [host.programs.installer] + arguments
  }

  private var surroundings: [String: String] {
    // The pool of threads then has one: what runs on it, with the number of its calls, is the same each time.
    host.environment.merging(environment) { $1 }.merging(["LIBDISPATCH_COOPERATIVE_POOL_STRICT": "1"]) { $1 }
  }

  /// `1234  write(5</run/x>, "abc", 3) = 3`: the thread, the call's name, and the rest.
  private static func call(_ line: Substring) -> (thread: Substring, name: Substring, text: Substring)? {
    let thread = line.prefix { $0.isNumber }
    let rest = line.dropFirst(thread.count).drop { $0 == " " }
    guard !thread.isEmpty, let parenthesis = rest.firstIndex(of: "("), rest.first?.isLetter == true else { return nil }
    return (thread, rest[..<parenthesis], rest[parenthesis...])
  }

  private static func changesFiles(_ name: Substring, _ text: Substring) -> Bool {
    switch name {
    case "open", "openat", "creat": text.contains("O_CREAT") || text.contains("O_TRUNC")
    // Not what goes to pipes, sockets and event descriptors.
    case "write", "pwrite64", "writev": text.prefix { $0 != ">" }.contains("</run/")
    default: true
    }
  }
}
