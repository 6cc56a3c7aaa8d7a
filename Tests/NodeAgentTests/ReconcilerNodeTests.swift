import Glibc
import Synchronization
import System
import TestKit
import Testing

@testable import NodeAgent

/// The loop with the real installation, on folders.
@Suite(.timeLimit(.minutes(1))) struct ReconcilerNodeTests {
  private static let name = "10-calico.conflist"

  /// When the passes ended that changed something.
  private let changes = Recording<SuspendingClock.Instant>()

  /// A reconciler of the node below `root`; who cancels the task ends it.
  private func start(_ layout: NodeLayout) throws -> (scene: ReconcilerScene, task: Task<Void, any Error>) {
    let scene = try ReconcilerScene()
    let wanted = NodeFolder.wanted(layout)
    let installation = Installation()
    let changes = changes
    scene.report { _ in
      let report = installation.pass(wanted)
      if !report.executed.isEmpty { changes.append(.now) }
      return report
    }
    scene.state.withLock { state in
      state.reading = SettingsReading(
        settings: state.reading.settings, wanted: wanted,
        watchedFolders: [layout.configurationFolder, layout.stateFolder, layout.runDirectory] + layout.binaryTargets)
    }
    return (scene, try scene.start().task)
  }

  @Test("an installed node comes to rest: what the agent writes itself causes no passes for ever")
  func rest() async throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: Self.name)
    let (scene, task) = try start(node.layout)
    defer { task.cancel() }
    try await eventually { scene.health.isReady }
    try await scene.calm()
    #expect(scene.passCount <= 4)
    #expect(try node.chain(Self.name) == ["calico", "istio-cni"])
  }

  @Test("whatever is done to the installation is put right within 100 ms")
  func repairs() async throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: Self.name)
    let (scene, task) = try start(node.layout)
    defer { task.cancel() }
    try await eventually { scene.health.isReady }
    let kubeconfig = node.layout.kubeconfig
    let binary = node.layout.targetBinaries[0]
    let installed = try node.everything

    for damage in Damage.allCases {
      // The machine may be busy with something else for a while.
      var delays: [Duration] = []
      while delays.count < 20, delays.last.map({ $0 >= .milliseconds(100) }) ?? true {
        try await scene.calm()
        let start = SuspendingClock.now
        switch damage {
        case .entry: try write(NodeFolder.calico, to: node.path(Self.name))
        case .kubeconfigMode: chmod(kubeconfig, 0o644)
        case .kubeconfigGone: unlink(kubeconfig)
        case .binaryMoved: rename(binary, "\(binary).away")
        case .binaryBytes: try write("x", to: binary)
        }
        try await eventually { try damage.isUndone(node) }
        try await eventually { (changes.all.last ?? start) > start }
        delays.append((changes.all.last ?? .now) - start)
        unlink("\(binary).away")
      }
      #expect(delays.contains { $0 < .milliseconds(100) }, "\(damage)")
    }
    try await scene.calm()
    #expect(try Set(node.everything.keys) == Set(installed.keys))
  }

  /// Replaces a file as others do, whose temporary files are not taken for ours.
  private func write(_ text: String, to path: String) throws {
    try PlainFile.write(Array(text.utf8), to: "\(path).new", mode: 0o644)
    rename("\(path).new", path)
  }

  private enum Damage: CaseIterable {
    case entry, kubeconfigMode, kubeconfigGone, binaryMoved, binaryBytes

    func isUndone(_ node: borrowing NodeFolder) throws -> Bool {
      switch self {
      case .entry: try node.chain(ReconcilerNodeTests.name).last == "istio-cni"
      case .kubeconfigMode: try FileIdentity(of: node.layout.kubeconfig).mode == 0o600
      case .kubeconfigGone: try exists(node.layout.kubeconfig)
      case .binaryMoved, .binaryBytes:
        try exists(node.layout.targetBinaries[0])
          && readFile(node.layout.targetBinaries[0], limit: 100) == NodeFolder.binary
      }
    }
  }

  @Test("a primary plugin's file that goes away is waited for")
  func waiting() async throws {
    let node = try NodeFolder()
    try node.write(NodeFolder.calico, to: Self.name)
    let (scene, task) = try start(node.layout)
    defer { task.cancel() }
    try await eventually { scene.health.isReady }
    rename(node.path(Self.name), "\(node.root)/away")
    try await eventually { !scene.health.isReady }
    #expect(scene.notices.last?.reason == "InstallBlocked")
    rename("\(node.root)/away", node.path("05-calico.conflist"))
    try await eventually { scene.health.isReady }
    #expect(try node.chain("05-calico.conflist") == ["calico", "istio-cni"])
  }
}
