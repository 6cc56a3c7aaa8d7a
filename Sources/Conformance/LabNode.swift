import CNI
import Glibc
import Harness
import JSON
import Synchronization
import System

/// A node of a lab: network and mount namespaces of its own, with empty /run and /var/lib/cni.
final class LabNode: Sendable {
  let lab: Lab
  let node: Node
  /// For plugins that look up pods.
  let cluster: Cluster?
  private let known = Mutex<[Container]>([])

  init(in lab: Lab, certificates: ClusterCertificates?) throws {
    self.lab = lab
    let node = try Node()
    self.node = node
    let folders = lab.manifest.dataFolders
    try node.run { () throws(SystemError) in
      // A folder that this machine has not got cannot be made without leaving it there, so its parent is hidden.
      if isFolder("/var/lib/cni") {
        try mountTemporaryFileSystem(at: "/var/lib/cni")
      } else {
        try mountTemporaryFileSystem(at: "/var/lib")
        try makeFolder("/var/lib/cni")
      }
      for folder in folders where isFolder(folder) && !folder.hasPrefix("/run") {
        try mountTemporaryFileSystem(at: folder)
      }
    }
    for command in lab.manifest.nodeCommands {
      let outcome = try node.runProgram("/bin/sh", ["-c", command], environment: ["PATH": Call.searchPath])
      guard outcome.status == .exited(0) else {
        throw ToolFailure(description: "\(command): \(String(decoding: outcome.standardError, as: UTF8.self))")
      }
    }
    cluster =
      if let facts = lab.manifest.kubernetes, let certificates {
        try Cluster(facts, on: node, certificates: certificates)
      } else { nil }
  }

  /// Fixture C, or P for a chained plugin: a namespace bound to a path, and what the plugins before have made in it.
  ///
  /// - Parameters:
  ///   - id: The container's; nil makes one up.
  ///   - wish: What it asks for, by its name in the manifest.
  func container(_ id: String? = nil, wish: String? = nil) throws -> Container {
    let number = known.withLock { $0.count } + 1
    let container = try Container(id ?? Container.id(number), number: number, on: self, wish: wish)
    known.withLock { $0.append(container) }
    return container
  }

  /// The containers of this node, in the order in which they were made.
  var containers: [Container] { known.withLock { $0 } }

  /// Fixture W: one other attachment has been made on the same network, and taken away again by a chained plugin, so
  /// that what attachments share is there.
  func warmUp() throws {
    let other = try container("warm-up")
    let result = try other.add()
    if lab.subject.isChained { try other.delete(result: result) }
  }

  /// Runs the plugin, or what the call names, to its end.
  func run(_ call: Call) throws -> Reply {
    try start(call).reply()
  }

  /// Starts the plugin, with nothing on its standard input yet.
  func start(_ call: Call) throws -> RunningCall {
    let limit = min(call.timeLimit, try lab.remainingTime())
    let program = call.launcher.first ?? call.executable
    let arguments = call.launcher.isEmpty ? [] : call.launcher.dropFirst() + [call.executable]
    let environment = call.environment
    let child = try node.run { () throws(SystemError) in
      try Child.spawn(program, arguments: arguments, environment: environment)
    }
    return RunningCall(child, of: call, timeLimit: limit, journal: lab.journal)
  }

  /// Runs a program on the node, or in the namespace of a container on it.
  @discardableResult
  func program(
    _ name: String, _ arguments: [String], in container: Container? = nil, input: String = ""
  ) throws -> ChildOutcome {
    let limit = try lab.remainingTime()
    let body: @Sendable () throws(SystemError) -> ChildOutcome = { () throws(SystemError) in
      try runChild(
        name, arguments: arguments, environment: ["PATH": Call.searchPath], standardInput: Array(input.utf8),
        timeLimit: limit)
    }
    guard let container else { return try node.run(body) }
    return try node.mounts.run(with: try container.network(), body)
  }

  /// As `program`, by its name in the search path.
  ///
  /// - Returns: Its standard output.
  /// - Throws: If it does not exit with status 0.
  @discardableResult
  func tool(_ words: String, in container: Container? = nil, input: String = "") throws -> String {
    let outcome = try program("/bin/sh", ["-c", "exec \(words)"], in: container, input: input)
    guard outcome.status == .exited(0) else {
      throw ToolFailure(
        description: "\(words): \(outcome.status): \(String(decoding: outcome.standardError, as: UTF8.self))")
    }
    return String(decoding: outcome.standardOutput, as: UTF8.self)
  }

  /// Writes a file on the node, with its folders.
  func write(_ text: String, to path: String, mode: UInt32 = 0o644) throws {
    try node.write(text, to: path, mode: mode)
  }

  /// The processes that were started on this node, wherever they have gone, as `pid command line`.
  func processes() throws -> [String] {
    // The number of a network namespace that has ended may by now be that of another lab's.
    let place = try node.run { () throws(SystemError) in try readLink("/proc/thread-self/ns/mnt") }
    return try names(inFolder: "/proc").sorted().filter { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }.compactMap
    { pid in
      // A process that has ended by now is none.
      guard (try? readLink("/proc/\(pid)/ns/mnt")) == place else { return nil }
      let words = (try? readFile("/proc/\(pid)/cmdline", limit: 1 << 20)) ?? []
      return "\(pid) \(String(decoding: words.map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self))"
    }
  }

  func tearDown() {
    // What a plugin has left running keeps its namespaces alive.
    for process in (try? processes()) ?? [] {
      if let pid = process.split(separator: " ").first.flatMap({ pid_t($0) }) { kill(pid, SIGKILL) }
    }
    try? cluster?.stop()
    known.withLock { $0 = [] }
  }
}

/// A program that the suite itself needs has failed.
struct ToolFailure: Error, CustomStringConvertible {
  let description: String
}
