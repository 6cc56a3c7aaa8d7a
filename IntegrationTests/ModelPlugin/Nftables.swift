import CNI
import FaultTable
import System
import SystemPackage

/// Tables of rules, by the program `nft`.
struct Nftables {
  private let program: String

  /// Looks the program up along `PATH`; where there is no `PATH`, where such programs usually are.
  init(_ environment: [String: String]) throws(Failure) {
    let path = environment["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"
    guard let program = path.split(separator: ":").map({ "\($0)/nft" }).first(where: isExecutable) else {
      throw Failure(code: .refused, message: "cannot find the program nft", details: "looked in \(path)")
    }
    self.program = program
  }

  /// Puts a table in place of what has its name, in one transaction.
  ///
  /// - Parameters:
  ///   - table: family and name: `inet model-1f`.
  ///   - body: the chains.
  /// - Returns: the table as the kernel has it, for a later CHECK.
  func replace(_ table: String, _ body: String, in namespace: borrowing NetworkNamespace) throws(Failure) -> String {
    let removal = fault == .stacksRules ? "" : "table \(table)\ndelete table \(table)\n"
    try run(["-f", "-"], removal + "table \(table) {\n\(body)}\n", in: namespace)
    return try read(table, in: namespace) ?? ""
  }

  /// Removes a table; that there is none is fine.
  func remove(_ table: String, from namespace: borrowing NetworkNamespace) throws(Failure) {
    try run(["-f", "-"], "table \(table)\ndelete table \(table)\n", in: namespace)
  }

  /// Removes every table, whoever made it.
  func flush(in namespace: borrowing NetworkNamespace) throws(Failure) {
    try run(["flush", "ruleset"], "", in: namespace)
  }

  /// Makes a table that must not exist yet.
  func create(_ table: String, in namespace: borrowing NetworkNamespace) throws(Failure) {
    try run(["-f", "-"], "create table \(table)\n", in: namespace)
  }

  /// Every table, without counters.
  func readAll(in namespace: borrowing NetworkNamespace) throws(Failure) -> String {
    String(decoding: try start(["-s", "list", "ruleset"], "", in: namespace).standardOutput, as: UTF8.self)
  }

  /// The table without counters; nil if there is none.
  func read(_ table: String, in namespace: borrowing NetworkNamespace) throws(Failure) -> String? {
    let outcome = try start(
      ["-s", "list", "table"] + table.split(separator: " ").map { String($0) }, "", in: namespace)
    return outcome.status == .exited(0) ? String(decoding: outcome.standardOutput, as: UTF8.self) : nil
  }

  private func run(_ arguments: [String], _ script: String, in namespace: borrowing NetworkNamespace) throws(Failure) {
    let outcome = try start(arguments, script, in: namespace)
    guard outcome.status == .exited(0) else {
      throw Failure(
        code: .refused, message: "cannot set rules: nft refused them",
        details: String(decoding: outcome.standardError.prefix(500), as: UTF8.self))
    }
  }

  private func start(
    _ arguments: [String], _ script: String, in namespace: borrowing NetworkNamespace
  ) throws(Failure) -> ChildOutcome {
    let program = program
    return try attempting("run \(program)") {
      try namespace.run { () throws(SystemError) in
        try runChild(
          program, arguments: arguments, environment: [:], standardInput: Array(script.utf8), timeLimit: .seconds(20))
      }
    }
  }
}

/// The namespace that the plugin was started in.
func nodeNamespace() throws(Failure) -> NetworkNamespace {
  try attempting("look at the own namespace") { try NetworkNamespace.current() }
}
