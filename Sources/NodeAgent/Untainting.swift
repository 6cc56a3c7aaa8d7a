import JSON
import Kubernetes
package import KubernetesClient
package import Logging
import ServiceLifecycle

/// Takes the taint `cni.istio.io/not-ready` from this node, once, after the first self-test that has passed: pods may
/// come now.
package struct Untainting: Service {
  /// Source: Istio's control plane, pilot/pkg/controllers/untaint.
  package static let taint = "cni.istio.io/not-ready"
  private static let conflictWait = Duration.milliseconds(100)

  private let client: APIClient
  private let nodeName: String
  private let events: EventRecorder?
  private let logger: Logger
  private let passes: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  package init(_ client: APIClient, nodeName: String, events: EventRecorder?, logger: Logger) {
    self.client = client
    self.nodeName = nodeName
    self.events = events
    self.logger = logger
    (passes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Says that a self-test has passed.
  package func notePass() {
    continuation.yield()
  }

  /// Waits for a pass, removes the taint, and waits for the end of the agent: nobody may end before that.
  package func run() async {
    await cancelWhenGracefulShutdown {
      var iterator = passes.makeAsyncIterator()
      guard await iterator.next() != nil else { return }
      await removeTaint()
      // There is nothing left to do for those that follow.
      while await iterator.next() != nil {}
    }
  }

  private func removeTaint() async {
    let node = ObjectPath(.nodes, name: nodeName)
    var backOff = BackOff(first: .seconds(1), limit: .seconds(60))
    var isReported = false
    while !Task.isCancelled {
      let wait: Duration
      do throws(APIError) {
        let object = try await client.get(node)
        guard let change = Self.change(removingTaintOf: object) else { return }
        try await client.patch(node, with: change)
        let message = "removed the taint \(Self.taint) from node \(nodeName): the self-test of the plugin has passed"
        logger.info("\(message)")
        await events?.record(.normal, reason: "TaintRemoved", message: message, about: .node(name: nodeName))
        return
      } catch let error where error.code == .conflict {
        // Kubelet and controllers change their nodes all the time.
        wait = Self.conflictWait
      } catch let error where error.code == .cancelled {
        return
      } catch {
        if !isReported {
          logger.warning("the taint \(Self.taint) stays on node \(nodeName) for now: \(error)")
        }
        isReported = true
        wait = backOff.nextSpread()
      }
      // It throws when the agent ends, and so does the loop.
      try? await Task.sleep(for: wait)
    }
  }

  /// The merge patch that takes the taint away, whatever its effects are, from the node as it was seen; nil if it has
  /// none.
  private static func change(removingTaintOf node: JSONValue) -> JSONValue? {
    let taints = node["spec"]?["taints"]?.array ?? []
    let others = taints.filter { $0["key"]?.string != taint }
    guard others.count < taints.count, let version = node["metadata"]?["resourceVersion"]?.string else { return nil }
    return ["metadata": ["resourceVersion": .string(version)], "spec": ["taints": .array(others)]]
  }
}
