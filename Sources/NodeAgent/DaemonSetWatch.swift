import JSON
package import KubernetesClient
package import Logging
import ServiceLifecycle
import Synchronization

/// Keeps an eye on the agent's own DaemonSet, because whoever deletes that often takes the agent's rights away right
/// after it: at the end there is nobody left to ask.
package final class DaemonSetWatch: Service {
  /// What was last seen of the DaemonSet.
  package enum Sighting: Sendable, Equatable {
    /// Nothing yet.
    case nothing
    case present
    /// It has a deletion timestamp.
    case beingDeleted
    /// It was deleted while the agent watched, or the API server had none to list.
    case gone
  }

  private let client: APIClient
  private let daemonSet: ObjectPath
  private let logger: Logger
  private let onChange: @Sendable () -> Void
  private let lastSeen = Mutex(Sighting.nothing)

  /// - Parameter onChange: called when there is another sighting than before.
  package init(
    _ client: APIClient, daemonSet: ObjectPath, logger: Logger, onChange: @escaping @Sendable () -> Void = {}
  ) {
    self.client = client
    self.daemonSet = daemonSet
    self.logger = logger
    self.onChange = onChange
  }

  /// What was last seen; it stays when the watch ends.
  package var sighting: Sighting { lastSeen.withLock { $0 } }

  /// Watches until the agent shuts down.
  package func run() async {
    await cancelWhenGracefulShutdown { await self.follow() }
  }

  private func follow() async {
    let reflector = Reflector(client, ObjectCollection(only: daemonSet)) { object in
      object["metadata"]?["deletionTimestamp"]?.string == nil ? Sighting.present : .beingDeleted
    }
    var isInterrupted = false
    for await change in reflector.changes() {
      switch change {
      case .replaced(let items): note(items.first ?? .gone)
      case .put(let item): note(item)
      case .removed: note(.gone)
      case .interrupted(let error):
        if !isInterrupted { logger.warning("the agent's DaemonSet is not watched for now: \(error)") }
        isInterrupted = true
        continue
      }
      isInterrupted = false
    }
  }

  private func note(_ sighting: Sighting) {
    let former = lastSeen.withLock { lastSeen in
      defer { lastSeen = sighting }
      return lastSeen
    }
    guard sighting != former else { return }
    switch sighting {
    case .gone where former == .nothing:
      logger.warning(
        """
        there is no \(daemonSet), so the plugin is removed when this agent is asked to stop; \
        if the agent belongs to another DaemonSet, set DAEMONSET_NAME and POD_NAMESPACE
        """)
    case .gone: logger.info("\(daemonSet) was deleted; the plugin is removed when this agent is asked to stop")
    case .beingDeleted:
      logger.info("\(daemonSet) is being deleted; the plugin is removed when this agent is asked to stop")
    case .nothing, .present: break
    }
    onChange()
  }
}
