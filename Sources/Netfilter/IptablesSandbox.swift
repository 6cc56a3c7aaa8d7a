import Redirect
import System

/// Runs the programs of iptables in a pod's network, with mounts of their own.
struct IptablesSandbox: ~Copyable {
  private let mounts: MountNamespace
  private let environment: [String: String]
  private let timeLimit: Duration

  /// The namespace of whoever opens it. A lock on it is the pod's own: the node's lock may be held for long, by
  /// programs whose rules have nothing to do with the pod.
  private static let lock = "/proc/thread-self/ns/net"

  /// - Parameter timeLimit: for each program.
  init(
    folders: [String], timeLimit: Duration, in namespace: borrowing NetworkNamespace
  ) throws(NetfilterError) {
    // Since 1.8.6 the programs take the lock's path from here; before that they have one of their own.
    environment = ["PATH": folders.joined(separator: ":"), "XTABLES_LOCKFILE": "/proc/self/ns/net"]
    self.timeLimit = timeLimit
    mounts = try asNetfilterError { () throws(SystemError) in
      let mounts = try MountNamespace.create()
      try mounts.run(with: namespace) { () throws(SystemError) in
        try showFile(Self.lock, at: "/run/xtables.lock")
        // Owner matches look their numbers up as names first, and that must not ask a server for them.
        try showFile("/dev/null", at: "/etc/nsswitch.conf")
      }
      return mounts
    }
  }

  /// What a program that ran to its end has left behind.
  borrowing func run(
    _ path: String, _ arguments: [String], input: String = "", in namespace: borrowing NetworkNamespace
  ) throws(NetfilterError) -> ChildOutcome {
    let environment = environment
    let timeLimit = timeLimit
    let outcome = try asNetfilterError { () throws(SystemError) in
      try mounts.run(with: namespace) { () throws(SystemError) in
        try runChild(
          path, arguments: arguments, environment: environment, standardInput: Array(input.utf8), timeLimit: timeLimit)
      }
    }
    if outcome.timedOut { throw NetfilterError(.program, "\(path.programName) did not end within \(timeLimit)") }
    if case .signalled(let signal) = outcome.status {
      throw NetfilterError(.program, "\(path.programName) was ended by signal \(signal)\(outcome.complaint)")
    }
    return outcome
  }

  /// What a program prints when it is asked for its version; empty if it does not know the question.
  borrowing func version(of path: String, in namespace: borrowing NetworkNamespace) throws(NetfilterError) -> String {
    let outcome = try run(path, ["--version"], in: namespace)
    return outcome.status == .exited(0) ? String(decoding: outcome.standardOutput, as: UTF8.self) : ""
  }

  /// The tables of a family; a failure where the programs for it are missing or do not work.
  ///
  /// - Throws: when a program that works was cut short or printed what cannot be read. What is there is unknown then,
  ///   and nobody may take it for nothing.
  borrowing func tables(
    _ family: IPFamily, _ programs: IptablesPrograms, in namespace: borrowing NetworkNamespace
  ) throws(NetfilterError) -> Result<IptablesSnapshot, NetfilterError> {
    guard let path = programs.save[family], programs.restore[family] != nil else {
      return .failure(NetfilterError(.program, "there are no programs for \(family) beside \(programs.flavour)"))
    }
    let outcome = try run(path, [], in: namespace)
    guard outcome.status == .exited(0) else { return .failure(outcome.failure(of: path)) }
    return .success(try IptablesSnapshot(parsing: outcome.standardOutput, of: path.programName))
  }

  /// Gives `iptables-restore` a script. Tables that it committed before a failure stay so.
  borrowing func restore(
    _ script: String, _ family: IPFamily, _ programs: IptablesPrograms, in namespace: borrowing NetworkNamespace
  ) throws(NetfilterError) {
    guard let path = programs.restore[family] else { return }
    let outcome = try run(path, ["--noflush"], input: script, in: namespace)
    if outcome.status != .exited(0) { throw outcome.failure(of: path, reading: script) }
  }
}

extension ChildOutcome {
  /// `iptables-restore exited with 1: line 7 failed (-A ISTIO_CNI_NAT_OUTPUT -j RETURN)`
  fileprivate func failure(of path: String, reading script: String = "") -> NetfilterError {
    let exit = if case .exited(let code) = status { "exited with \(code)" } else { "failed" }
    let complaint = complaint
    let line = Self.line(namedIn: complaint, of: script).map { " (\($0))" } ?? ""
    return NetfilterError(.program, "\(path.programName) \(exit)\(complaint)\(line)")
  }

  /// What the program said first, behind a colon: a line of its standard error.
  fileprivate var complaint: String {
    let lines = String(decoding: standardError.prefix(4096), as: UTF8.self)
      // Notes such as "# Warning: iptables-legacy tables present, …".
      .split(separator: "\n").filter { $0.first != "#" }.map { $0.split(separator: " ").joined(separator: " ") }
    // iptables-nft-restore puts its name and version on a line of their own.
    let text = lines.prefix(lines.first?.last == ":" ? 2 : 1).joined(separator: " ")
    return text.isEmpty ? "" : ": \(text.prefix(200))"
  }

  /// A number of a line means nothing to whoever does not have the script. iptables-legacy names that of a table's end
  /// for whatever the kernel refuses.
  private static func line(namedIn complaint: String, of script: String) -> String? {
    let words = complaint.split { $0 == " " || $0 == ":" }
    guard let word = words.firstIndex(of: "line"), word + 1 < words.count, let number = Int(words[word + 1]) else {
      return nil
    }
    let lines = script.split(separator: "\n")
    guard lines.indices.contains(number - 1) else { return nil }
    guard lines[number - 1] == "COMMIT" else { return String(lines[number - 1]) }
    return "table \(lines[..<number].last { $0.hasPrefix("*") }?.dropFirst() ?? "")"
  }
}

extension String {
  /// The last part of a path.
  fileprivate var programName: String { split(separator: "/").last.map { String($0) } ?? self }
}

/// Makes the errors of `System` ours.
private func asNetfilterError<R: ~Copyable>(_ body: () throws(SystemError) -> R) throws(NetfilterError) -> R {
  do throws(SystemError) {
    return try body()
  } catch {
    throw NetfilterError(error)
  }
}
