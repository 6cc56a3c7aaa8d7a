import JSON
package import KubernetesClient
package import Logging
import ServiceLifecycle

/// Hands on the content of a ConfigMap, at first and whenever it changes: `CONFIG_SOURCE=api`.
///
/// A ConfigMap that is gone, or cannot be read, changes nothing: the last content stays in force.
package struct ConfigMapWatch: Service {
  private let client: APIClient
  private let configMap: ObjectPath
  private let logger: Logger
  private let deliver: @Sendable ([String: String]) async -> Void

  /// - Parameter deliver: gets the `data` of the ConfigMap.
  package init(
    _ client: APIClient, configMap: ObjectPath, logger: Logger,
    deliver: @escaping @Sendable ([String: String]) async -> Void
  ) {
    self.client = client
    self.configMap = configMap
    self.logger = logger
    self.deliver = deliver
  }

  /// Reads the content once, for what is needed before anything is watched.
  ///
  /// - Returns: nil if there is no such ConfigMap.
  package func read(within limit: Duration? = nil) async throws(APIError) -> [String: String]? {
    do throws(APIError) {
      return Self.data(of: try await client.get(configMap, within: limit))
    } catch {
      if error.code == .notFound { return nil }
      throw error
    }
  }

  /// Watches until the agent shuts down.
  package func run() async {
    await cancelWhenGracefulShutdown { await self.follow() }
  }

  private func follow() async {
    let reflector = Reflector(client, ObjectCollection(only: configMap)) { Self.data(of: $0) }
    var current: [String: String]?
    var isInterrupted = false
    for await change in reflector.changes() {
      switch change {
      case .replaced(let items):
        if let data = items.first { await hand(on: data, insteadOf: &current) } else { reportMissing() }
      case .put(let data): await hand(on: data, insteadOf: &current)
      case .removed: reportMissing()
      case .interrupted(let error):
        if !isInterrupted { logger.warning("the settings are not watched for now: \(error)") }
        isInterrupted = true
        continue
      }
      isInterrupted = false
    }
  }

  /// A change of the object that leaves its data alone is none.
  private func hand(on data: [String: String], insteadOf current: inout [String: String]?) async {
    guard data != current else { return }
    current = data
    await deliver(data)
  }

  private func reportMissing() {
    logger.warning("there is no \(configMap); the settings stay as they are")
  }

  /// What is no string is none of ours: Kubernetes puts only strings there.
  private static func data(of configMap: JSONValue) -> [String: String] {
    let members = configMap["data"]?.object?.members ?? []
    return Dictionary(members.compactMap { member in member.value.string.map { (member.key, $0) } }) { $1 }
  }
}
