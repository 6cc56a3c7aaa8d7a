import JSON
import Kubernetes
package import KubernetesClient
package import Logging
import ServiceLifecycle

/// Deletes or labels the pods of this node that started without their redirect, as Istio's repair controller does.
///
/// Level-triggered: whatever wakes it, it looks at all pods that are known. Each state of a pod is acted on once, by
/// preconditions on the pod's identity, so that a namesake made since is judged by itself.
package struct PodRepair: Service {
  /// What changes how it works.
  package struct Pace: Sendable {
    /// The wait after a first failure, and the longest.
    package var retry = Duration.seconds(1)
    package var retryLimit = Duration.seconds(60)
    /// The time of one call with all its attempts.
    package var callLimit = Duration.seconds(10)
    /// How long after it saw the plugin not installed it looks again.
    package var patience = Duration.seconds(5)

    package init() {}
  }

  private let client: APIClient
  private let pods: PodCache
  private let settings: @Sendable () -> PodRepairSettings
  private let isInstalled: @Sendable () -> Bool
  private let metrics: RepairMetrics
  private let logger: Logger
  private let pace: Pace
  private let announce: @Sendable (AgentNotice, EventRecorder.Subject) -> Void
  private let wakes: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  /// - Parameters:
  ///   - settings: those in effect now.
  ///   - isInstalled: whether a pod that starts now would get its redirect. Until then nothing is done: the pod that
  ///     comes after a deleted one would be no better.
  ///   - announce: hears what was done to which pod.
  package init(
    _ client: APIClient, _ pods: PodCache, settings: @escaping @Sendable () -> PodRepairSettings,
    isInstalled: @escaping @Sendable () -> Bool, metrics: RepairMetrics, logger: Logger, pace: Pace = Pace(),
    announce: @escaping @Sendable (AgentNotice, EventRecorder.Subject) -> Void
  ) {
    self.client = client
    self.pods = pods
    self.settings = settings
    self.isInstalled = isInstalled
    self.metrics = metrics
    self.logger = logger
    self.pace = pace
    self.announce = announce
    (wakes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Has it look again, since something else than a pod has changed.
  package func poke() {
    continuation.yield()
  }

  /// Repairs until the agent shuts down.
  package func run() async {
    await cancelWhenGracefulShutdown {
      await withDiscardingTaskGroup { group in
        group.addTask { for await _ in pods.changes() { continuation.yield() } }
        var mode: PodRepairSettings.Mode?
        var attempts = newAttempts
        var nextLook = ContinuousClock.now
        for await _ in wakes {
          let settings = settings()
          // What another mode has done to a pod does not count.
          if settings.mode != mode { attempts = newAttempts }
          mode = settings.mode
          guard let delay = await look(settings, &attempts) else { continue }
          let time = ContinuousClock.now + delay
          if nextLook > .now, nextLook <= time { continue }
          nextLook = time
          group.addTask {
            // It ends early with the agent alone, and then nobody is woken.
            try? await Task.sleep(until: time)
            continuation.yield()
          }
        }
      }
    }
  }

  private var newAttempts: RepairAttempts {
    RepairAttempts(backOff: BackOff(first: pace.retry, limit: pace.retryLimit))
  }

  /// Goes through all pods.
  ///
  /// - Returns: the time after which it is to look again, whatever happens; nil if there is nothing to wait for.
  private func look(_ settings: PodRepairSettings, _ attempts: inout RepairAttempts) async -> Duration? {
    guard let mode = settings.mode, let all = pods.all else { return nil }
    let broken = all.compactMap { BrokenPod($0, settings.rule) }
    attempts.keep(only: Set(broken.map(\.entry.uid)))
    if broken.isEmpty { return nil }
    guard isInstalled() else { return pace.patience }
    for pod in broken where attempts.wait(of: pod.entry.uid, version: pod.entry.version, at: .now) == .zero {
      let result: String
      do throws(APIError) {
        if try await act(mode, on: pod) {
          result = "success"
          tell(mode, of: pod)
        } else {
          result = "skip"
        }
        attempts.finish(pod.entry.uid)
      } catch {
        switch error.code {
        // The agent ends.
        case .cancelled: return nil
        // It has changed, or gone, on its own: the watch is about to tell.
        case .conflict, .notFound:
          attempts.passOver(pod.entry.uid)
          result = "skip"
        default:
          if attempts.fail(pod.entry.uid, at: .now) {
            logger.warning("a pod without its redirect stays as it is for now: \(error)")
          }
          result = "fail"
        }
      }
      metrics.pods.increment(mode.word, result)
    }
    return broken.compactMap { attempts.wait(of: $0.entry.uid, version: $0.entry.version, at: .now) }.min()
  }

  /// - Returns: false if there is nothing to do.
  private func act(_ mode: PodRepairSettings.Mode, on pod: BrokenPod) async throws(APIError) -> Bool {
    switch mode {
    case .delete:
      // kubelet would only mirror its file again.
      if pod.failures.isMirror { return false }
      try await client.delete(
        pod.path(), uid: pod.entry.uid, resourceVersion: pod.entry.version, within: pace.callLimit)
    case .label(let key, let value):
      if pod.failures.labels[key] != nil { return false }
      // By way of the status, as Istio's does: nobody has to let this agent change what a pod is. No two pods ever
      // have the same version.
      let change: JSONValue = [
        "metadata": ["resourceVersion": .string(pod.entry.version), "labels": .object([key: .string(value)])]
      ]
      try await client.patch(pod.path(subresource: "status"), with: change, within: pace.callLimit)
    }
    return true
  }

  private func tell(_ mode: PodRepairSettings.Mode, of pod: BrokenPod) {
    let cause = "the pod started before the plugin could redirect its traffic: \(pod.evidence)"
    let notice =
      switch mode {
      case .delete:
        AgentNotice(.warning, "DeleteBrokenPod", cause, remedy: "it is deleted, so that its controller makes it anew")
      case .label(let key, let value):
        AgentNotice(
          .warning, "LabelBrokenPod", cause,
          remedy: "it has the label \(key)=\(value) now; delete it, so that its controller makes it anew")
      }
    logger.warning("\(pod.entry.key): \(notice.message); \(notice.remedy ?? "")")
    announce(notice, pod.subject)
  }
}

/// A pod with what shows that it is broken.
private struct BrokenPod {
  let entry: PodEntry
  let failures: InitFailures
  let evidence: InitFailures.Termination

  init?(_ entry: PodEntry, _ rule: BrokenPodRule) {
    guard let failures = entry.initFailures, let evidence = rule.evidence(in: failures) else { return nil }
    self.entry = entry
    self.failures = failures
    self.evidence = evidence
  }

  private var namespace: String { failures.fields[.namespace] ?? "" }
  private var name: String { failures.fields[.name] ?? "" }

  func path(subresource: String? = nil) -> ObjectPath {
    ObjectPath(.pods, namespace: namespace, name: name, subresource: subresource)
  }

  var subject: EventRecorder.Subject { .pod(namespace: namespace, name: name, uid: entry.uid) }
}

extension InitFailures.Termination: CustomStringConvertible {
  /// `init container istio-validation exited with 126`.
  package var description: String { "init container \(container) exited with \(exitCode)" }
}

extension PodRepairSettings.Mode {
  /// The `type` of the metric.
  fileprivate var word: String {
    switch self {
    case .delete: "delete"
    case .label: "label"
    }
  }
}
