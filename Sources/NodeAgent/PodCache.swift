package import Kubernetes
import Synchronization

/// The pods of this node, with what the plugin's decision needs of each and nothing else.
package final class PodCache: Sendable {
  private struct State {
    var pods: [String: PodEntry] = [:]
    var isComplete = false
    var followers: [AsyncStream<Void>.Continuation] = []
  }

  private let state = Mutex(State())

  package init() {}

  package var count: Int { state.withLock { $0.pods.count } }

  /// The pods that are known; nil until all of them are.
  package var all: [PodEntry]? { state.withLock { $0.isComplete ? Array($0.pods.values) : nil } }

  /// Yields whenever ``all`` is not what it was. Who is slow is told once of all that happened meanwhile.
  package func changes() -> AsyncStream<Void> {
    let (stream, follower) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    follower.yield()
    state.withLock { $0.followers.append(follower) }
    return stream
  }

  /// These are all pods there are.
  package func replace(with entries: [PodEntry]) {
    let all = Dictionary(entries.map { ($0.key, $0) }) { $1 }
    change { state in
      state.pods = all
      state.isComplete = true
    }
  }

  /// Takes in a pod, in place of one of the same namespace and name.
  package func put(_ entry: PodEntry) {
    change { $0.pods[entry.key] = entry }
  }

  /// Forgets a pod, unless another one has taken its name.
  package func remove(_ entry: PodEntry) {
    change { state in
      if state.pods[entry.key]?.uid == entry.uid { state.pods[entry.key] = nil }
    }
  }

  private func change(_ body: (inout State) -> Void) {
    let followers = state.withLock { state in
      body(&state)
      return state.followers
    }
    for follower in followers { follower.yield() }
  }

  /// The summary of the pod that is meant; nil if it is not known, or another one of that name is.
  package func summary(for question: PodQuestion) -> [UInt8]? {
    guard let entry = state.withLock({ $0.pods["\(question.namespace)/\(question.name)"] }), entry.answers(question)
    else { return nil }
    return entry.summary
  }
}
