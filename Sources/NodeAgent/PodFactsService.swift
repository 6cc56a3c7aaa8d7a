package import CNI
import Kubernetes
package import KubernetesClient
package import Logging
import NIOPosix
import ServiceLifecycle
import System

/// Knows the pods of this node, and tells the plugin of them, so that a pod's start needs no API server.
package struct PodFactsService: Service {
  /// How long a pod that is not known is asked for on the plugin's behalf, which then still has time to ask itself.
  private static let askingLimit = Duration.milliseconds(1500)

  private let client: APIClient
  private let nodeName: String
  private let socketPath: String
  private let guests: PodCache
  private let metrics: PluginMetrics
  private let logger: Logger
  private let cache: PodCache

  /// - Parameters:
  ///   - cache: is kept as the API server has the pods, for others too.
  ///   - guests: pods of the agent's own, which the API server knows nothing of.
  package init(
    _ client: APIClient, nodeName: String, _ cache: PodCache, guests: PodCache, _ runDirectory: RunDirectory,
    metrics: PluginMetrics,
    logger: Logger
  ) {
    self.client = client
    self.cache = cache
    self.nodeName = nodeName
    socketPath = runDirectory.podSocket
    self.guests = guests
    self.metrics = metrics
    self.logger = logger
  }

  /// Serves until the agent shuts down.
  package func run() async {
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await follow() }
        group.addTask { await serve() }
        await group.waitForAll()
      }
    }
  }

  /// Keeps the cache as the API server has it. One watch a node; the first list comes from the API server's memory, as
  /// kubelet's, for all nodes may ask at once.
  private func follow() async {
    let pods = ObjectCollection(.pods, fieldSelector: "spec.nodeName=\(nodeName)", freshness: .remembered)
    var isInterrupted = false
    for await change in Reflector(client, pods, decode: PodEntry.init).changes() {
      switch change {
      case .replaced(let entries): cache.replace(with: entries)
      case .put(let entry): cache.put(entry)
      case .removed(let entry): cache.remove(entry)
      case .interrupted(let error):
        // What is known stays of use: a pod is matched by its UID.
        if !isInterrupted { logger.warning("the pods of this node are not watched for now: \(error)") }
        isInterrupted = true
        continue
      }
      isInterrupted = false
      metrics.cachedPods.set(Double(cache.count))
    }
  }

  /// Answers for as long as the agent runs; a socket that is taken away is made again.
  private func serve() async {
    await ServedSocket(path: socketPath, logger: logger).keep { path in
      try await PodSocket(at: path, on: MultiThreadedEventLoopGroup.singleton, memory: remember, lookup: ask(about:))
    }
  }

  private func remember(_ question: PodQuestion) -> [UInt8]? {
    if let summary = guests.summary(for: question) { return PodAnswer.bytes(summary: summary) }
    guard let summary = cache.summary(for: question) else { return nil }
    metrics.podQuestions.increment("cache")
    return PodAnswer.bytes(summary: summary)
  }

  private func ask(about question: PodQuestion) async -> [UInt8] {
    let reason: String
    do throws(APIError) {
      let pod = try await client.get(
        ObjectPath(.pods, namespace: question.namespace, name: question.name), within: Self.askingLimit)
      let entry = PodEntry(pod)
      if entry.answers(question), let summary = entry.summary {
        metrics.podQuestions.increment("api")
        return PodAnswer.bytes(summary: summary)
      }
      reason = "the API server has another pod of that name, or one that makes no sense"
    } catch {
      reason = "the agent does not know the pod, and could not ask for it: \(error.cause)"
    }
    metrics.podQuestions.increment("none")
    return PodAnswer.bytes(reason: reason)
  }
}
