import NIOCore
import NIOPosix
import ServiceLifecycle

/// Answers `/healthz`, `/livez` and `/readyz` on one port and `/metrics` on another.
///
/// The ports are taken when it is made: an agent that nobody can ask would look dead or, worse, well.
package final class HealthServer: Service {
  private let group: MultiThreadedEventLoopGroup
  private let health: HTTPEndpoint?
  private let monitoring: HTTPEndpoint?

  /// Takes the ports and answers from now on.
  ///
  /// - Parameters:
  ///   - healthPort: `HEALTH_PORT`; nil disables it, 0 takes a free one.
  ///   - monitoringPort: `MONITORING_PORT`, in the same way. It may be the same port as the other.
  package convenience init(
    healthPort: Int?, monitoringPort: Int?, state: HealthState, metrics: Metrics
  ) throws(PortUnavailable) {
    try self.init(
      healthPort: healthPort, monitoringPort: monitoringPort, state: state, metrics: metrics,
      limits: HTTPEndpoint.Limits())
  }

  init(
    healthPort: Int?, monitoringPort: Int?, state: HealthState, metrics: Metrics, limits: HTTPEndpoint.Limits
  ) throws(PortUnavailable) {
    var healthRoutes = Self.healthRoutes(state)
    let metricsRoutes: HTTPEndpoint.Routes = [
      "/metrics": { _ in HTTPReply(contentType: Metrics.contentType, metrics.text) }
    ]
    let isShared = healthPort == monitoringPort && healthPort != 0
    if isShared { healthRoutes.merge(metricsRoutes) { $1 } }

    // One thread: the answers take microseconds.
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    self.group = group
    func listen(_ port: Int?, _ setting: String, _ routes: HTTPEndpoint.Routes) throws(PortUnavailable) -> HTTPEndpoint?
    {
      guard let port else { return nil }
      return try HTTPEndpoint(port: port, setting: setting, routes: routes, limits: limits, group: group)
    }
    do throws(PortUnavailable) {
      health = try listen(healthPort, "HEALTH_PORT", healthRoutes)
      monitoring = isShared ? nil : try listen(monitoringPort, "MONITORING_PORT", metricsRoutes)
    } catch {
      group.shutdownGracefully { _ in }
      throw error
    }
  }

  deinit {
    // After `run` there is nothing left to shut down, and the answer says so.
    group.shutdownGracefully { _ in }
  }

  /// The port of `/healthz` and its like.
  package var healthPort: Int? { health?.port }
  /// The port of `/metrics`.
  package var monitoringPort: Int? { (monitoring ?? health)?.port }

  /// Answers until it is shut down, and then closes every connection.
  package func run() async throws {
    // Cancelled or shut down: either way it ends.
    try? await gracefulShutdown()
    try await group.shutdownGracefully()
  }

  /// Source: Istio's `/healthz` is always well, which tells that the process answers; the other two are Kubernetes' own
  /// names. Short answers when all is well, every check otherwise or with `?verbose`.
  private static func healthRoutes(_ state: HealthState) -> HTTPEndpoint.Routes {
    @Sendable func reply(_ report: HealthReport, _ query: HTTPQuery) -> HTTPReply {
      let isShort = report.isPassed && !query.contains("verbose")
      return HTTPReply(status: report.isPassed ? 200 : 503, isShort ? "ok" : report.text)
    }
    return [
      "/healthz": { _ in HTTPReply("ok") },
      "/livez": { reply(state.liveness, $0) },
      "/readyz": { reply(state.readiness, $0) },
    ]
  }
}
