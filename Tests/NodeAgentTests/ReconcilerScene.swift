import CNI
import Glibc
import JSON
import Logging
import Synchronization
import System
import TestKit

@testable import NodeAgent

/// Changes a folder all the time, on a thread of its own.
actor Unrest {
  private let thread: ThreadExecutor

  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  init(on thread: ThreadExecutor) {
    self.thread = thread
  }

  /// Until it is cancelled, or as often as this.
  func last(in scene: ReconcilerScene, count: Int = .max) throws {
    for _ in 0..<count {
      if Task.isCancelled { return }
      try scene.touch()
      usleep(5000)
    }
  }
}

/// A reconciler with a folder to watch, and with settings and passes that a test decides on.
final class ReconcilerScene: Sendable {
  struct State: Sendable {
    var reading: SettingsReading
    /// What each pass reports.
    var report: @Sendable (Int) -> PassReport
    var passCount = 0
    /// When each pass began.
    var passTimes: [SuspendingClock.Instant] = []
    /// Where settings were read and passes made.
    var threads: Set<UInt> = []
    var notices: [AgentNotice] = []
    var lines: [String] = []
  }

  private let files: TemporaryFolder
  var folder: String { files.path }
  let state: Mutex<State>
  let health = HealthState()
  let metrics = Metrics()

  init() throws {
    let files = try TemporaryFolder()
    let settings = try AgentSettings(flags: [:], configMap: [:], environment: [:])
    let wanted = Wanted(layout: settings.layout, placement: settings.placement, entry: [:], kubeconfig: [])
    state = Mutex(
      State(
        reading: SettingsReading(settings: settings, wanted: wanted, watchedFolders: [files.path]),
        report: { _ in .healthy }))
    self.files = files
  }

  /// Starts the reconciler; who cancels the task ends it.
  func start(
    pace: Pace = Pace(),
    makeWatch: @escaping @Sendable (WakeUp) throws(SystemError) -> FolderWatch = { wakeUp throws(SystemError) in
      try FolderWatch(wakeUp: wakeUp)
    }
  ) throws -> (reconciler: Reconciler, task: Task<Void, any Error>) {
    let log = AgentLog(
      .plain, levels: LogLevels(agent: .info, plugin: .info), timeOfDay: { .zero },
      write: { [self] line in state.withLock { $0.lines.append(String(decoding: line, as: UTF8.self)) } })
    let reconciler = try Reconciler(
      settings: { [self] in
        state.withLock { state in
          state.threads.insert(pthread_self())
          return state.reading
        }
      },
      pass: { [self] _ in pass() },
      health: health, metrics: AgentMetrics(in: metrics, version: "test"), logger: log.logger(AgentLog.agentScope),
      announce: { [self] notice in state.withLock { $0.notices.append(notice) } }, pace: pace, makeWatch: makeWatch)
    return (reconciler, Task { try await reconciler.run() })
  }

  private func pass() -> PassReport {
    let (report, number) = state.withLock { state in
      state.passCount += 1
      state.threads.insert(pthread_self())
      state.passTimes.append(.now)
      return (state.report, state.passCount)
    }
    return report(number)
  }

  var passCount: Int { state.withLock { $0.passCount } }
  var passTimes: [SuspendingClock.Instant] { state.withLock { $0.passTimes } }
  var notices: [AgentNotice] { state.withLock { $0.notices } }

  /// The columns behind the time of the lines of the log.
  var lines: [String] { state.withLock { $0.lines }.map { String($0.dropFirst(28).dropLast()) } }

  /// Reports this from now on. The number is that of the pass, from 1.
  func report(_ report: @escaping @Sendable (Int) -> PassReport) {
    state.withLock { $0.report = report }
  }

  /// Changes the folder.
  func touch(_ name: String = "file") throws {
    try PlainFile.write([], to: "\(folder)/\(name)", mode: 0o644)
  }

  /// The value of a metric without labels, or with those that are part of the name; nil if there is no line.
  func metric(_ name: String) -> String? {
    metrics.text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }.map { String($0.dropFirst(name.count + 1)) }
  }

  /// Waits until no pass has come for this time.
  func calm(for time: Duration = .milliseconds(100)) async throws {
    var count = -1
    while count != passCount {
      count = passCount
      try await Task.sleep(for: time)
    }
  }
}

extension PassReport {
  static let healthy = PassReport(executed: [], remaining: .done)

  /// A pass that had to edit `name`, in which this plugin stands.
  static func repaired(_ name: String = "10-x.conflist", plugin: String = "bridge") throws -> PassReport {
    PassReport(executed: [try edit(name, plugin)], remaining: .done)
  }

  static func edit(_ name: String, _ plugin: String) throws -> Step {
    let text = #"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"\#(plugin)"},{"type":"istio-cni"}]}"#
    let file = ConfigurationFile(name: name, bytes: Array(text.utf8), identity: try FileIdentity(of: "/"))
    return .edit(file, bytes: [])
  }

  static func blocked(_ obstacles: Obstacle...) -> PassReport {
    PassReport(executed: [], remaining: Plan(steps: [], obstacles: obstacles, warnings: [], primary: nil))
  }

  static func failed(_ step: Step = .writeKubeconfig, isTransient: Bool = false) -> PassReport {
    PassReport(
      executed: [],
      failure: StepFailure(step: step, problem: "cannot do it", remedy: "let it", isTransient: isTransient),
      remaining: Plan(steps: [step], obstacles: [], warnings: [], primary: nil))
  }
}

extension Plan {
  static let done = Plan(steps: [], obstacles: [], warnings: [], primary: "10-x.conflist")
}
