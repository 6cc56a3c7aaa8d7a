import Logging

/// How the node stands after a pass.
enum NodeState: Sendable, Equatable {
  /// As wanted.
  case healthy(primary: String?)
  /// Something is missing that others must bring.
  case blocked([Obstacle])
  /// A step could not be carried out.
  case failed(problem: String, remedy: String)
  /// As wanted for the moment, but another program keeps changing it.
  case contested(Rival)

  /// - Parameters:
  ///   - reading: what was asked for.
  ///   - report: nil when nothing could be asked for.
  ///   - rival: who fights with us.
  ///   - isPatient: whether a file that is being written is given time.
  /// - Returns: nil when that cannot be told before the next pass, which then comes soon.
  init?(_ reading: SettingsReading, _ report: PassReport?, rival: Rival?, isPatient: Bool) {
    if let failure = report?.failure {
      if failure.isTransient { return nil }
      self = .failed(problem: failure.problem, remedy: failure.remedy)
      return
    }
    let obstacles = reading.obstacles + (report?.remaining.obstacles ?? [])
    if isPatient, !obstacles.isEmpty, obstacles.allSatisfy({ $0.code == .settling }) { return nil }
    if !obstacles.isEmpty {
      self = .blocked(obstacles)
    } else if let rival {
      self = .contested(rival)
    } else if let report, report.isHealthy {
      self = .healthy(primary: report.remaining.primary)
    } else {
      // Changed again since the steps were carried out.
      return nil
    }
  }

  /// The check `install`.
  var check: HealthCheck {
    switch self {
    case .healthy: .ok()
    case .blocked(let obstacles): .failing(obstacles.map(\.problem).joined(separator: "; "))
    case .failed(let problem, _): .failing(problem)
    case .contested(let rival): .failing(rival.problem)
    }
  }

  /// What is to be said of it.
  var notices: [AgentNotice] {
    switch self {
    case .healthy(let primary):
      [AgentNotice(.info, "Installed", "the plugin is installed" + (primary.map { " behind \($0)" } ?? ""))]
    case .blocked(let obstacles):
      obstacles.map { AgentNotice(.warning, "InstallBlocked", $0.problem, remedy: $0.remedy) }
    case .failed(let problem, let remedy):
      [AgentNotice(.error, "InstallFailed", problem, remedy: remedy)]
    case .contested(let rival):
      [AgentNotice(.warning, "ConfigurationContested", rival.problem, remedy: rival.remedy)]
    }
  }
}
