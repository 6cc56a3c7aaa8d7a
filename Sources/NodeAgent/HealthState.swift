import Synchronization
import System

/// What one check of the agent's health says.
package enum HealthCheck: Sendable, Equatable {
  /// All is well; the note is what is worth knowing all the same.
  case ok(note: String? = nil)
  /// What is wrong, on one line.
  case failing(String)
  /// All is well until shortly before this time, since 1970.
  case expiring(at: Duration)
}

/// The answer to a question about the agent's health.
package struct HealthReport: Sendable, Equatable {
  package let isPassed: Bool
  /// A line for each check and one for all, as Kubernetes' own programs write them.
  package let text: String
}

/// What the agent knows of its own health: checks by name, and whether its loop still moves.
package final class HealthState: Sendable {
  /// How long before its end a credential counts as failing: kubelet renews a token when a fifth of its life is left,
  /// so something is wrong by then.
  package static let expiryMargin = Duration.seconds(60)
  /// How long the loop may stand still before only a restart can help.
  package static let standstillLimit = Duration.seconds(300)

  private struct State {
    var names: [String]
    var checks: [String: HealthCheck]
    var lastBeat: SuspendingClock.Instant
  }

  private let state: Mutex<State>
  private let timeOfDay: @Sendable () -> Duration
  private let uptime: @Sendable () -> SuspendingClock.Instant

  /// - Parameters:
  ///   - names: checks that fail until they are set.
  ///   - timeOfDay: since 1970.
  package init(
    awaiting names: [String] = ["install"],
    timeOfDay: @escaping @Sendable () -> Duration = { timeSinceEpoch() },
    uptime: @escaping @Sendable () -> SuspendingClock.Instant = { .now }
  ) {
    let checks = names.map { ($0, HealthCheck.failing("not done yet")) }
    state = Mutex(
      State(names: names, checks: Dictionary(checks, uniquingKeysWith: { $1 }), lastBeat: uptime()))
    self.timeOfDay = timeOfDay
    self.uptime = uptime
  }

  /// Says how a check stands from now on. New ones are listed behind the others.
  package func set(_ name: String, _ check: HealthCheck) {
    state.withLock { state in
      if state.checks.updateValue(check, forKey: name) == nil { state.names.append(name) }
    }
  }

  /// How a check stands; nil if it was never set.
  package subscript(name: String) -> HealthCheck? {
    state.withLock { $0.checks[name] }
  }

  /// Says that the loop moves.
  package func beat() {
    let now = uptime()
    state.withLock { $0.lastBeat = now }
  }

  /// Whether every check is well.
  package var isReady: Bool { readiness.isPassed }

  /// For `/readyz`: every check.
  package var readiness: HealthReport {
    let now = timeOfDay()
    let checks = state.withLock { state in state.names.map { ($0, state.checks[$0] ?? .ok()) } }
    return report("readyz", checks.map { (name: $0, fault: $1.fault(at: now), note: $1.note(at: now)) })
  }

  /// For `/livez`: whether the loop has moved within ``standstillLimit``. No other fault goes away by a restart.
  package var liveness: HealthReport {
    let standstill = uptime() - state.withLock { $0.lastBeat }
    let fault =
      standstill > Self.standstillLimit ? "the loop has not moved for \(standstill.components.seconds) s" : nil
    return report("livez", [(name: "loop", fault: fault, note: nil)])
  }

  /// Source: `k8s.io/apiserver/pkg/server/healthz`.
  private func report(_ name: String, _ checks: [(name: String, fault: String?, note: String?)]) -> HealthReport {
    var lines = checks.map { check in
      if let fault = check.fault { return "[-]\(check.name) failed: \(fault)" }
      return "[+]\(check.name) ok" + (check.note.map { ": \($0)" } ?? "")
    }
    let isPassed = checks.allSatisfy { $0.fault == nil }
    lines.append("\(name) check \(isPassed ? "passed" : "failed")")
    return HealthReport(isPassed: isPassed, text: lines.map { "\($0)\n" }.joined())
  }
}

extension HealthCheck {
  fileprivate func fault(at now: Duration) -> String? {
    switch self {
    case .ok: nil
    case .failing(let reason): reason
    case .expiring(let end) where end - now > HealthState.expiryMargin: nil
    case .expiring(let end) where end > now: "expires in \((end - now).components.seconds) s"
    case .expiring(let end): "expired \((now - end).components.seconds) s ago"
    }
  }

  fileprivate func note(at now: Duration) -> String? {
    switch self {
    case .ok(let note): note
    case .failing: nil
    case .expiring(let end): "expires in \((end - now).components.seconds) s"
    }
  }
}
