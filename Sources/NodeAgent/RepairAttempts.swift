import Kubernetes

/// What was tried with which broken pod, so that each state of a pod is acted on once, and one that resists is left alone.
struct RepairAttempts {
  /// How often one state of a pod is tried.
  static let limit = 5

  private struct Progress {
    var version: String
    var backOff: BackOff
    var failureCount = 0
    /// Whether this state has been dealt with, or given up.
    var isSettled = false
    /// Whether the pod has, in every later state as well.
    var isDone = false
    var notBefore: ContinuousClock.Instant?
    /// In whatever state.
    var hasFailed = false
  }

  private let backOff: BackOff
  private var pods: [String: Progress] = [:]

  init(backOff: BackOff) {
    self.backOff = backOff
  }

  /// Forgets the pods that are not among these UIDs.
  mutating func keep(only uids: Set<String>) {
    pods = pods.filter { uids.contains($0.key) }
  }

  /// How long a pod is to wait until it is acted on: nothing if that is now, nil if it is not to be in this state.
  mutating func wait(of uid: String, version: String, at now: ContinuousClock.Instant) -> Duration? {
    var progress = pods[uid] ?? Progress(version: version, backOff: backOff)
    if progress.version != version {
      progress.version = version
      progress.failureCount = 0
      progress.isSettled = false
    }
    pods[uid] = progress
    if progress.isSettled || progress.isDone { return nil }
    return progress.notBefore.map { max(.zero, $0 - now) } ?? .zero
  }

  /// The pod needs nothing more, whatever becomes of it.
  mutating func finish(_ uid: String) {
    pods[uid]?.isDone = true
  }

  /// The pod is no longer in that state; the next one decides.
  mutating func passOver(_ uid: String) {
    pods[uid]?.isSettled = true
  }

  /// The attempt failed.
  ///
  /// - Returns: whether it is the first of this pod.
  mutating func fail(_ uid: String, at now: ContinuousClock.Instant) -> Bool {
    guard var progress = pods[uid] else { return true }
    progress.failureCount += 1
    // A change of the pod does not shorten it: pods that crash in a loop change all the time.
    progress.notBefore = now + progress.backOff.nextSpread()
    progress.isSettled = progress.failureCount >= Self.limit
    let isFirst = !progress.hasFailed
    progress.hasFailed = true
    pods[uid] = progress
    return isFirst
  }
}
