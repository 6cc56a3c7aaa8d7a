import Glibc
import Harness
import Netlink
import System
import Testing

/// What this process and a node hold on to: nothing of it may be left when the work is done.
///
/// To be looked at in a process of its own, as an exit test has one: beside other tests descriptors come and go.
struct Footprint: Equatable {
  /// What the open descriptors are of, without those that Dispatch and NIO make when it suits them.
  let descriptors: [String]
  /// Running, or ended and not reaped.
  let hasChildren: Bool
  /// Files under the node's `/run`, bound namespaces among them.
  let files: [String]
  let mounts: [String]
  let interfaces: [String]

  init(of node: Node) throws {
    hasChildren = waitid(P_ALL, 0, nil, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD
    let lines = { (words: [String]) throws in
      let outcome = try node.runProgram(words[0], Array(words.dropFirst()))
      try #require(outcome.status == .exited(0))
      return String(decoding: outcome.standardOutput, as: UTF8.self).split(separator: "\n").map { String($0) }.sorted()
    }
    files = try lines(["/usr/bin/find", "/run", "!", "-type", "d"])
    mounts = try lines(["/bin/cat", "/proc/self/mountinfo"])
    interfaces = try Links.names(through: NetlinkSocket.open(.route, in: node.network))
    // Links that are gone by the time they are looked at are the listing's own.
    descriptors = (0..<4096).compactMap { try? readLink("/proc/self/fd/\($0)") }.filter {
      !$0.hasPrefix("anon_inode:[event") && $0 != "anon_inode:[timerfd]"
    }.sorted()
  }
}

/// Makes a node of a mesh, and expects that nothing is left in this process and on the node when `body` has ended.
func leavingNothing(_ body: (MeshNode) throws -> Void) throws {
  let mesh = try MeshNode(pluginFolder: try executableFolder())
  let before = try Footprint(of: mesh.node)
  try body(mesh)
  // The API server's ends of connections, and the interfaces of namespaces, go in the background.
  expect("what is left", try eventually(before) { try Footprint(of: mesh.node) }, is: before)
}

/// Compares two values in an exit test, of whose issues only the comment reaches the report.
func expect<V: Equatable>(_ what: String, _ seen: V, is expected: V) {
  #expect(seen == expected, "\(what): \(seen), expected: \(expected)")
}
