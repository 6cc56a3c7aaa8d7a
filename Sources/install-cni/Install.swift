import ArgumentParser
import NodeAgent
import System

/// `install-cni install`: makes this node as set, once.
struct Install: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put the plugin on this node once, without an agent that keeps it there.",
    discussion: "Prints each step. Exits with 1 if the node is not as set afterwards.")

  @OptionGroup var plan: PlanOption
  @OptionGroup(title: "Settings") var node: NodeOptions

  func run() async throws {
    if plan.dryRun { return try await node.printPlan() }
    let (_, reading) = try await node.read()
    guard let wanted = reading.wanted else { return try fail(reading.obstacles) }
    let report = try await Installation().settle(wanted)
    report.printSteps()
    try report.check(reading.obstacles)
    if report.executed.isEmpty { print("nothing to do") }
  }
}

/// `install-cni uninstall`: takes everything of ours from this node.
struct Uninstall: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Take the plugin from this node, and give back the files of others as they were.",
    discussion: """
      Prints each step. The plugin's binary stays while attachments need it to be taken down; run this again when their \
      pods are gone. An agent that runs on this node would install the plugin again: remove the DaemonSet first.
      """)

  @OptionGroup var plan: PlanOption
  @OptionGroup(title: "Settings") var node: NodeOptions

  func run() async throws {
    let layout = try await node.read().reading.settings.layout
    if plan.dryRun {
      return print(Plan(removing: layout, found: try Installation().observe(layout, includingNeed: true)))
    }
    let report = try await Installation().settle(removing: layout)
    report.printSteps()
    try report.check([])
    if report.executed.isEmpty { print("nothing to do") }
  }
}

/// Prints what stands in the way, and ends the program with status 1.
func fail(_ obstacles: [Obstacle]) throws {
  for obstacle in obstacles { printError("\(obstacle.problem); \(obstacle.remedy)") }
  throw ExitCode.failure
}

func printError(_ line: String) {
  CurrentProcess.writeStandardError(Array("install-cni: \(line)\n".utf8))
}

func print(_ plan: Plan) {
  for step in plan.steps { print("\(step)") }
  if plan.steps.isEmpty { print("nothing to do") }
  for obstacle in plan.obstacles { print("obstacle: \(obstacle.problem); \(obstacle.remedy)") }
  for warning in plan.warnings { print("warning: \(warning)") }
}

extension PassReport {
  fileprivate func printSteps() {
    for step in executed { print("\(step)") }
  }

  /// Tells what is left to do.
  ///
  /// - Throws: exit code 1 if there is anything.
  fileprivate func check(_ others: [Obstacle]) throws {
    for warning in warnings + remaining.warnings { printError("warning: \(warning)") }
    if let failure { printError("\(failure.problem); \(failure.remedy)") }
    if !isHealthy || !others.isEmpty { try fail(others + remaining.obstacles) }
  }
}

extension NodeOptions {
  private func source() throws -> SettingsSource {
    try SettingsSource(flags: flags, environment: CurrentProcess.environment) { _ in
      let levels = LogLevels(agent: .warn, plugin: .warn)
      return AgentLog(.plain, levels: levels, write: { CurrentProcess.writeStandardError($0) })
    }
  }

  /// What can be read of the settings without changing anything.
  func read() async throws -> (source: SettingsSource, reading: SettingsReading) {
    let source = try source()
    await source.readConfigMap()
    return (source, source.read())
  }

  func status() async throws -> NodeStatus {
    let (source, reading) = try await read()
    let found = try Installation().observe(reading.settings.layout)
    return NodeStatus(reading: reading, values: source.values, found: found)
  }

  func printPlan() async throws {
    let status = try await status()
    guard let plan = status.plan else { return try fail(status.obstacles) }
    for obstacle in status.reading.obstacles { print("obstacle: \(obstacle.problem); \(obstacle.remedy)") }
    print(plan)
  }
}
