import KubernetesClient
import Logging

extension AgentSettings {
  /// How long the API server is asked for the node's pods by who looks once.
  private static let askingLimit = Duration.seconds(10)

  /// The pods of this node as the API server has them, for who looks at the node once.
  ///
  /// - Parameter tell: gets a line that says why they cannot be had.
  /// - Returns: nil if they cannot be had.
  package func readNodePods(_ tell: (String) -> Void) async -> [PodEntry]? {
    var silent = Logger(label: "silent")
    silent.logLevel = .critical
    do {
      let cluster = try ClusterConnection(self, logger: silent)
      guard let name = cluster.nodeName else {
        throw NoConnection(description: "the node's name is not known; set KUBERNETES_NODE_NAME")
      }
      let pods = ObjectCollection(.pods, fieldSelector: "spec.nodeName=\(name)", freshness: .remembered)
      let listing = try? await finishing(within: Self.askingLimit) {
        try await cluster.client.list(pods, decode: PodEntry.init)
      }
      await cluster.client.shutdown()
      if let listing { return listing.items }
      tell("the API server does not answer with this node's pods: only those on record are audited")
    } catch {
      tell("the API server cannot be asked for this node's pods: only those on record are audited: \(error)")
    }
    return nil
  }
}
