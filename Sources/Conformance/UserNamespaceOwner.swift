import Harness
import System

/// A process in a user namespace of its own, which owns a network namespace, as that of a pod with `hostUsers: false`.
final class UserNamespaceOwner: Sendable {
  /// Leads to the network namespace as long as this object lives.
  let path: String
  let network: NetworkNamespace
  private let process: Child

  init(on node: LabNode) throws {
    process = try node.node.run { () throws(SystemError) in
      try Child.spawn(
        "/usr/bin/unshare", arguments: ["--user", "--map-root-user", "--net", "/bin/sleep", "600"], environment: [:])
    }
    let path = "/proc/\(process.pid)/ns/net"
    let before = node.node.network.identity
    guard try node.lab.eventually({ try NetworkNamespace.open(path).identity != before }) else {
      throw ToolFailure(description: "unshare has made no network namespace")
    }
    self.path = path
    network = try NetworkNamespace.open(path)
  }
}
