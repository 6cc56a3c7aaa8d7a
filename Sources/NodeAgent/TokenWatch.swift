import KubernetesClient
import ServiceLifecycle
import System

/// Tells the health whether the API server accepts the agent's token, which the plugin shows as well.
struct TokenWatch: Service {
  private static let interval = Duration.seconds(2)

  let client: APIClient
  let health: HealthState
  let refused: Gauge

  func run() async {
    await cancelWhenGracefulShutdown {
      repeat {
        let refusal = client.lastRefusal
        health.set("token-accepted", refusal?.check ?? .ok())
        refused.set(refusal == nil ? 0 : 1)
        // It throws when the agent ends, and so does the loop.
        try? await Task.sleep(for: Self.interval)
      } while !Task.isCancelled
    }
  }
}

extension TokenRefusal {
  fileprivate var check: HealthCheck {
    .failing("the API server refused the token at \(Timestamp(time).inSeconds): \(cause)")
  }
}
