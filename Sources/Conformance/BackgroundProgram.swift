import Glibc
import Harness
import Synchronization
import System

/// A program that runs on a node beside the plugin until it is ended.
final class BackgroundProgram: Sendable {
  private let child: Mutex<Child?>

  init(_ program: String, _ arguments: [String], on node: LabNode) throws {
    let started = try node.node.run { () throws(SystemError) in
      try Child.spawn(program, arguments: arguments, environment: ["PATH": Call.searchPath])
    }
    child = Mutex(started)
  }

  /// Kills it; its own children may live on until the lab is torn down.
  func end() {
    // A child that is let go is killed and reaped.
    child.withLock { $0 = nil }
  }
}
