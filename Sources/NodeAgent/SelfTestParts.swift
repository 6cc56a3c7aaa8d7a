import CNI
import KubernetesClient
import Logging
import ServiceLifecycle
import System

/// The services that a self-test takes, as the settings want them.
struct SelfTestParts {
  /// Nil if there is to be none, or if none is possible.
  private let test: SelfTestService?
  private let untainting: Untainting?

  /// - Parameters:
  ///   - cluster: nil where the API server cannot be asked: then nobody tells the plugin of the test's pod.
  ///   - guests: pods that the plugin is told of beside the node's.
  /// - Throws: `EMFILE` if no descriptor is left.
  init(
    _ settings: AgentSettings, _ cluster: ClusterConnection?, guests: PodCache, health: HealthState,
    metrics: AgentMetrics, logger: Logger, announce: @escaping @Sendable (AgentNotice) -> Void
  ) throws(SystemError) {
    let shared = settings.layout.shared
    guard settings.testsItself, let cluster, let nodeName = cluster.nodeName else {
      (test, untainting) = (nil, nil)
      if settings.testsItself {
        health.set(SelfTestService.check, .ok(note: "not tested: without the name of the node no pod is known"))
      }
      // An agent before this one may have left its note; one that stays only makes STATUS fail for some minutes.
      _ = try? SelfTestNote(shared).set(nil)
      return
    }
    let untainting =
      settings.untaintsNode
      ? Untainting(cluster.client, nodeName: nodeName, events: cluster.events, logger: logger) : nil
    let programPath = CurrentProcess.environment["PATH"] ?? ""
    self.untainting = untainting
    test = try SelfTestService(
      shared, health: health, metrics: metrics, logger: logger,
      test: { (subject) throws(SelfTestFailure) in
        try SelfTest(subject: subject, guests: guests, socket: shared.podSocket, programPath: programPath).run()
      }, announce: announce, onPass: { untainting?.notePass() })
  }

  var services: [any Service] {
    var services: [any Service] = []
    if let untainting { services.append(untainting) }
    if let test { services.append(test) }
    return services
  }

  /// Takes note of a pass over the node.
  func note(_ wanted: Wanted, _ report: PassReport) {
    test?.note(wanted, report)
  }
}
