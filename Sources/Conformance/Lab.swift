import CNI
import Glibc
import Harness
import JSON
import Synchronization
import System

/// Where one case is run once: a subject, a version, and as many throwaway nodes as the case asks for.
///
/// Nodes are namespaces. All that happens in them ends with the lab, whatever the plugin has done.
package final class Lab: Sendable {
  let subject: Subject
  let version: SpecVersion
  /// Everything that plugins have answered in the whole run, for verdicts over all of it.
  let journal: Journal
  /// Nil for plugins that look up no pods.
  private let certificates: ClusterCertificates?
  private let deadline: ContinuousClock.Instant
  private let nodes = Mutex<[LabNode]>([])

  init(
    _ subject: Subject, _ version: SpecVersion, timeLimit: Duration, journal: Journal,
    certificates: ClusterCertificates?
  ) {
    self.subject = subject
    self.version = version
    self.journal = journal
    self.certificates = certificates
    deadline = ContinuousClock.now + timeLimit
  }

  var manifest: Manifest { subject.manifest }

  /// Fixture N: a fresh node, with nothing of the plugin's.
  func node() throws -> LabNode {
    _ = try remainingTime()
    let node = try LabNode(in: self, certificates: certificates)
    nodes.withLock { $0.append(node) }
    return node
  }

  /// Fixture N+C, or for a chained plugin N+P: a container on a fresh node.
  func container(_ id: String? = nil) throws -> Container {
    try node().container(id)
  }

  /// How long the case may still take.
  ///
  /// - Throws: A `Discrepancy` when its time is over.
  func remainingTime() throws -> Duration {
    let remaining = ContinuousClock.now.duration(to: deadline)
    guard remaining > .zero else { throw Discrepancy("the case did not come to an end within its time limit") }
    return remaining
  }

  /// Asks until the answer is true or the time is over.
  func eventually(within limit: Duration = .seconds(3), _ condition: () throws -> Bool) throws -> Bool {
    let end = ContinuousClock.now + limit
    while true {
      if try condition() { return true }
      guard ContinuousClock.now < end, try remainingTime() > .zero else { return false }
      pause(.milliseconds(20))
    }
  }

  /// Lets time pass on this thread.
  func pause(_ duration: Duration) {
    poll(nil, 0, duration.roundedUpToMilliseconds)
  }

  /// As `pause`, to the microsecond: a plugin's life is a few milliseconds.
  func pauseExactly(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    // Nobody sends this process signals, and a pause that ends early does no harm.
    withUnsafePointer(to: time) { _ = nanosleep($0, nil) }
  }

  /// Ends what the case has left running.
  func tearDown() {
    // Nodes know their lab: what is not let go here would keep its namespaces until the process ends.
    let made = nodes.withLock { nodes in
      defer { nodes = [] }
      return nodes
    }
    for node in made { node.tearDown() }
  }
}

/// What plugins have answered in a run.
package final class Journal: Sendable {
  private let entries = Mutex<[(description: String, reply: Reply)]>([])

  func record(_ description: String, _ reply: Reply) {
    entries.withLock { $0.append((description, reply)) }
  }

  var all: [(description: String, reply: Reply)] { entries.withLock { $0 } }
}
