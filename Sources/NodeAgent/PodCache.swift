package import Kubernetes
import Synchronization

/// The pods of this node, with what the plugin's decision needs of each and nothing else.
package final class PodCache: Sendable {
  private let pods = Mutex<[String: PodEntry]>([:])

  package init() {}

  package var count: Int { pods.withLock { $0.count } }

  /// These are all pods there are.
  package func replace(with entries: [PodEntry]) {
    let all = Dictionary(entries.map { ($0.key, $0) }) { $1 }
    pods.withLock { $0 = all }
  }

  /// Takes in a pod, in place of one of the same namespace and name.
  package func put(_ entry: PodEntry) {
    pods.withLock { $0[entry.key] = entry }
  }

  /// Forgets a pod, unless another one has taken its name.
  package func remove(_ entry: PodEntry) {
    pods.withLock { pods in
      if pods[entry.key]?.uid == entry.uid { pods[entry.key] = nil }
    }
  }

  /// The summary of the pod that is meant; nil if it is not known, or another one of that name is.
  package func summary(for question: PodQuestion) -> [UInt8]? {
    guard let entry = pods.withLock({ $0["\(question.namespace)/\(question.name)"] }), entry.answers(question)
    else { return nil }
    return entry.summary
  }
}
