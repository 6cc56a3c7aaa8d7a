package import JSON
package import System
import SystemPackage

/// A node that exists only here: a network namespace with `lo` up, and a mount namespace with an empty `/run` in
/// memory. What runs in it changes nothing of the machine, and all of it goes when the last descriptor does.
package final class Node: Sendable {
  package let network: NetworkNamespace
  package let mounts: MountNamespace

  package init() throws {
    network = try NetworkNamespace.create()
    mounts = try MountNamespace.create()
    try mounts.run(with: network) { () throws(SystemError) in
      try mountTemporaryFileSystem(at: "/run")
      try makeFolder("/run/netns")
    }
    try network.setSysctl("net/ipv6/conf/default/accept_dad", "0")
    try network.setLoopbackUp()
  }

  /// Runs `body` on a thread that is on this node.
  package func run<R: ~Copyable & Sendable>(
    _ body: @escaping @Sendable () throws(SystemError) -> R
  ) throws(SystemError) -> R {
    try mounts.run(with: network, body)
  }

  /// Runs a program on this node to its end.
  package func runProgram(
    _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
    standardInput: [UInt8] = [], timeLimit: Duration = .seconds(30)
  ) throws(SystemError) -> ChildOutcome {
    try run { () throws(SystemError) in
      try runChild(
        executable, arguments: arguments, environment: environment, standardInput: standardInput,
        timeLimit: timeLimit)
    }
  }

  /// Writes a file on this node, with its folders.
  package func write(_ text: String, to path: String, mode: UInt32 = 0o644) throws(SystemError) {
    try write(Array(text.utf8), to: path, mode: mode)
  }

  /// Writes a file on this node, with its folders.
  package func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o644) throws(SystemError) {
    try run { () throws(SystemError) in
      try makeFolders(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
      try AtomicFile.write(bytes, to: path, mode: mode)
    }
  }

  /// The content of a file on this node; nil if it is not there.
  package func read(_ path: String) throws(SystemError) -> [UInt8]? {
    try run { () throws(SystemError) in
      do throws(SystemError) {
        return try readFile(path, limit: 256 << 20)
      } catch let error where error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory {
        return nil
      }
    }
  }

  /// The names in a folder of this node, sorted; none if it is not there.
  package func names(in folder: String) throws(SystemError) -> [String] {
    try run { () throws(SystemError) in
      do throws(SystemError) {
        return try System.names(inFolder: folder).sorted()
      } catch let error where error.errno == .noSuchFileOrDirectory {
        return []
      }
    }
  }

  /// Removes a file of this node, if it is there.
  package func remove(_ path: String) throws(SystemError) {
    try run { () throws(SystemError) in _ = try removeFile(path) }
  }

  /// Runs a line of shell on this node.
  ///
  /// - Returns: Its output.
  /// - Throws: `NodeCommandFailure` if it does not end well.
  @discardableResult
  package func shell(_ line: String) throws -> String {
    let outcome = try runProgram(
      "/bin/sh", ["-euc", line], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
    guard outcome.status == .exited(0) else {
      throw NodeCommandFailure(description: "\(line): \(String(decoding: outcome.standardError, as: UTF8.self))")
    }
    return String(decoding: outcome.standardOutput, as: UTF8.self)
  }
}

/// A line of shell that did not end well.
package struct NodeCommandFailure: Error, CustomStringConvertible {
  package let description: String
}

/// Makes a folder and those that it is in.
func makeFolders(_ path: String) throws(SystemError) {
  var folder = ""
  for part in path.split(separator: "/") {
    folder += "/\(part)"
    try makeFolder(folder)
  }
}

/// A pod's sandbox: a network namespace bound to a path on the node, as a container runtime prepares it before it calls
/// the first plugin.
package final class Sandbox: Sendable {
  package let node: Node
  package let pod: PodIdentity
  package let containerID: String
  /// Where the namespace is bound on the node.
  package let path: String
  package let network: NetworkNamespace
  /// What the runtime offers to plugins that declare a capability, by the capability's name.
  package let capabilityValues: JSONObject

  /// - Parameter number: Makes path and container id differ from those of other sandboxes.
  package init(_ pod: PodIdentity, number: Int, on node: Node, capabilityValues: JSONObject = [:]) throws {
    self.node = node
    self.pod = pod
    self.capabilityValues = capabilityValues
    let digits = String(number, radix: 16)
    containerID = String(repeating: "0", count: 64 - digits.count) + digits
    let path = "/run/netns/cni-\(digits)"
    self.path = path
    network = try NetworkNamespace.create()
    // Runtimes that wait for duplicate address detection do so for a second and more; it finds nothing here.
    try network.setSysctl("net/ipv6/conf/default/accept_dad", "0")
    try network.setLoopbackUp()
    try network.withRawValue { (descriptor) throws(SystemError) in
      try node.run { () throws(SystemError) in try bindNamespace(descriptor, to: path) }
    }
  }

  /// Unbinds the namespace; it ends with its last process and descriptor.
  package func remove() throws(SystemError) {
    let path = path
    try node.run { () throws(SystemError) in try NetworkNamespace.unbind(path) }
  }
}

/// The names of a pod.
package struct PodIdentity: Sendable, Hashable, CustomStringConvertible {
  package let namespace: String
  package let name: String
  package let uid: String

  package init(namespace: String, name: String, uid: String) {
    self.namespace = namespace
    self.name = name
    self.uid = uid
  }

  package var description: String { "\(namespace)/\(name)" }
}
