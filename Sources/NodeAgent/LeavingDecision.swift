package import JSON
package import KubernetesClient

/// Decides what an agent that is asked to stop does with the plugin: a node that is rebooted, or whose agent is being
/// upgraded, must keep it; one that the mesh leaves must lose it.
///
/// Only what is known for certain leads to a removal. Whatever cannot be found out keeps the plugin.
package struct LeavingDecision: Sendable {
  package struct Verdict: Sendable, Equatable {
    /// Whether to take the plugin off the node.
    package let removes: Bool
    /// One sentence for the log.
    package let reason: String

    private init(removes: Bool, reason: String) {
      self.removes = removes
      self.reason = reason
    }

    fileprivate static func removal(_ why: String) -> Verdict {
      Verdict(removes: true, reason: "removing the plugin from this node: \(why)")
    }

    fileprivate static func keep(_ why: String) -> Verdict {
      Verdict(removes: false, reason: "keeping the plugin on this node: \(why)")
    }
  }

  private let client: APIClient
  private let daemonSet: ObjectPath
  private let nodeName: String?
  private let watch: DaemonSetWatch

  /// - Parameter nodeName: of this node; nil if it is not known.
  package init(_ client: APIClient, daemonSet: ObjectPath, nodeName: String?, watch: DaemonSetWatch) {
    self.client = client
    self.daemonSet = daemonSet
    self.nodeName = nodeName
    self.watch = watch
  }

  /// Asks the API server, and falls back on what the watch has seen.
  ///
  /// - Parameter limit: for each of the two questions; kubelet kills a pod that takes longer than its grace period.
  package func decide(within limit: Duration = .seconds(6)) async -> Verdict {
    let daemonSet = await read(daemonSet, within: limit)
    var node: Result<JSONValue, APIError>?
    // Without a DaemonSet that stays, the node decides nothing.
    if case .success(let object) = daemonSet, object["metadata"]?["deletionTimestamp"]?.string == nil, let nodeName {
      node = await read(ObjectPath(.nodes, name: nodeName), within: limit)
    }
    return Self.verdict(on: daemonSet, named: self.daemonSet, sighting: watch.sighting, node: node)
  }

  private func read(_ object: ObjectPath, within limit: Duration) async -> Result<JSONValue, APIError> {
    do throws(APIError) {
      return .success(try await client.get(object, within: limit))
    } catch {
      return .failure(error)
    }
  }

  /// Decides by what is known.
  ///
  /// - Parameters:
  ///   - daemonSet: what the API server says now.
  ///   - sighting: what the watch saw last.
  ///   - node: what the API server says of this node; nil if its name is not known.
  package static func verdict(
    on daemonSet: Result<JSONValue, APIError>, named path: ObjectPath, sighting: DaemonSetWatch.Sighting,
    node: Result<JSONValue, APIError>?
  ) -> Verdict {
    let object: JSONValue
    switch daemonSet {
    case .success(let found): object = found
    case .failure(let error) where error.code == .notFound:
      return .removal("\(path) is gone")
    case .failure(let error):
      switch sighting {
      case .gone: return .removal("\(path) was deleted while the agent watched it")
      case .beingDeleted: return .removal("\(path) was being deleted when it was last seen")
      case .nothing, .present: return .keep("whether it is still wanted is not known; \(error)")
      }
    }
    if object["metadata"]?["deletionTimestamp"]?.string != nil { return .removal("\(path) is being deleted") }
    switch node {
    case nil: return .keep("\(path) is there, and the name of this node is not known; set KUBERNETES_NODE_NAME")
    case .failure(let error): return .keep("\(path) is there, and whether it wants this node is not known; \(error)")
    case .success(let node):
      switch NodeSelection(daemonSet: object, node: node) {
      case .wanted: return .keep("\(path) still wants it, so this is an upgrade or a reboot")
      case .unwanted(let why): return .removal("\(path) \(why)")
      case .unclear(let problem): return .keep("whether \(path) wants it cannot be told: \(problem)")
      }
    }
  }
}
