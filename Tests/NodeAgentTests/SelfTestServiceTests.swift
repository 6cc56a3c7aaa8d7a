import CNI
import JSON
import Logging
import Netlink
import Synchronization
import System
import SystemPackage
import TestKit
import Testing

@testable import NodeAgent

/// What becomes of the results; the test itself takes a node, and has its tests there.
@Suite("The self-test's service", .timeLimit(.minutes(5)))
struct SelfTestServiceTests {
  /// A service whose tests end as a test of it wants.
  private final class Scene: Sendable {
    struct State: Sendable {
      var failure: SelfTestFailure?
      /// Of the next test alone.
      var passingFailure: SelfTestFailure?
      var subjects: [SelfTest.Subject] = []
      var notices: [AgentNotice] = []
      var passCount = 0
    }

    private let folder: TemporaryFolder
    let state = Mutex(State())
    let health = HealthState(awaiting: [SelfTestService.check])
    let metrics = Metrics()
    let lines = Recording<String>()
    let service: SelfTestService
    var notePath: String { "\(folder.path)/self-test-failed" }

    init(hasSocket: Bool = true) throws {
      let folder = try TemporaryFolder()
      if hasSocket { try folder.write("", to: "pods.sock") }
      let log = AgentLog(
        .plain, levels: LogLevels(agent: .info, plugin: .info), timeOfDay: { .zero },
        write: { [lines] in lines.append(String(decoding: $0, as: UTF8.self)) })
      let pace = SelfTestService.Pace(retry: .milliseconds(5), retryLimit: .milliseconds(20), socket: .milliseconds(50))
      // `self` is not there yet.
      let box = Box()
      service = try SelfTestService(
        RunDirectory(folder.path), health: health, metrics: AgentMetrics(in: metrics, version: "1.2.3"),
        logger: log.logger(AgentLog.agentScope), pace: pace,
        test: { (subject) throws(SelfTestFailure) in
          let failure = box.scene?.state.withLock { state in
            state.subjects.append(subject)
            return state.failure ?? state.passingFailure.take()
          }
          if let failure { throw failure }
        },
        announce: { notice in box.scene?.state.withLock { $0.notices.append(notice) } },
        onPass: { box.scene?.state.withLock { $0.passCount += 1 } })
      self.folder = folder
      box.put(self)
    }

    var testCount: Int { state.withLock { $0.subjects.count } }
    var hasNote: Bool { get throws { try exists(notePath) } }

    func wanted(port: Int = 15001) throws -> Wanted {
      let settings = try AgentSettings(flags: [:], configMap: [:], environment: [:])
      return Wanted(
        layout: settings.layout, placement: settings.placement,
        entry: ["proxy_outbound_port": .number(JSONNumber(port))], kubeconfig: [])
    }
  }

  private final class Box: Sendable {
    private let contents = Mutex<Scene?>(nil)
    var scene: Scene? { contents.withLock { $0 } }
    func put(_ scene: Scene) { contents.withLock { $0 = scene } }
  }

  private static func running(_ scene: Scene, _ body: () async throws -> Void) async throws {
    let task = Task { try await scene.service.run() }
    defer { task.cancel() }
    try await body()
    task.cancel()
    try await task.value
  }

  private static let broken = SelfTestFailure(.plugin, "a pod is not redirected", remedy: "see why")

  @Test("it tests once the installation is healthy, and again only when that is another one")
  func changes() async throws {
    let scene = try Scene()
    try await Self.running(scene) {
      #expect(!scene.health.isReady)
      scene.service.note(try scene.wanted(), PassReport(executed: [.writeKubeconfig], remaining: .blocked))
      scene.service.note(try scene.wanted(), .healthy)
      try await eventually { scene.health.isReady }
      #expect(scene.testCount == 1)
      scene.service.note(try scene.wanted(), .healthy)
      scene.service.note(try scene.wanted(port: 15002), .healthy)
      try await eventually { scene.testCount == 2 }
      scene.service.note(
        try scene.wanted(port: 15002), PassReport(executed: [.writeBinary(path: "/x")], remaining: .nothing))
      try await eventually { scene.testCount == 3 }
      try await eventually { scene.metrics.text.contains(#"istio_cni_self_tests_total{result="passed"} 3"#) }
      #expect(scene.state.withLock { $0.subjects.map(\.binary) }.allSatisfy { $0 == "/host/opt/cni/bin/istio-cni" })
      #expect(scene.lines.all.count { $0.contains("the self-test passed") } == 1)
    }
    #expect(scene.state.withLock { $0.passCount } == 3)
  }

  @Test("a failure is told to readiness, STATUS and people, once, and tried again until it passes")
  func failure() async throws {
    let scene = try Scene()
    scene.state.withLock { $0.failure = Self.broken }
    try await Self.running(scene) {
      scene.service.note(try scene.wanted(), .healthy)
      try await eventually { scene.testCount >= 3 }
      #expect(scene.health[SelfTestService.check] == .failing("a pod is not redirected"))
      #expect(try readFile(scene.notePath, limit: 1000) == Array("a pod is not redirected; see why\n".utf8))
      #expect(try FileIdentity(of: scene.notePath).mode == 0o600)
      #expect(
        scene.state.withLock { $0.notices } == [
          AgentNotice(.error, "SelfTestFailed", "a pod is not redirected", remedy: "see why")
        ])
      #expect(scene.metrics.text.contains(#"istio_cni_self_tests_total{result="failed"}"#))
      // The same with other details is not another result.
      scene.state.withLock {
        $0.failure = SelfTestFailure(.plugin, Self.broken.problem, remedy: "it took 8 s")
      }
      let count = scene.testCount
      try await eventually { scene.testCount > count + 1 }
      scene.state.withLock { $0.failure = nil }
      try await eventually { scene.health.isReady }
      #expect(try !scene.hasNote)
      #expect(scene.lines.all.count == 2, "\(scene.lines.all)")
    }
  }

  @Test("after a test that passed a single failure is no word to anybody")
  func moment() async throws {
    let scene = try Scene()
    try await Self.running(scene) {
      scene.service.note(try scene.wanted(), .healthy)
      try await eventually { scene.health.isReady }
      scene.state.withLock { $0.passingFailure = Self.broken }
      scene.service.note(try scene.wanted(port: 15002), .healthy)
      try await eventually { scene.metrics.text.contains(#"istio_cni_self_tests_total{result="passed"} 2"#) }
      #expect(scene.metrics.text.contains(#"istio_cni_self_tests_total{result="failed"} 1"#))
      #expect(scene.health.isReady)
      #expect(scene.lines.all.count == 1, "\(scene.lines.all)")
      #expect(scene.state.withLock { $0.notices.isEmpty || $0.notices.map(\.reason) == ["SelfTestPassed"] })
    }
  }

  @Test("what the agent could not try is no word to STATUS, and keeps it from being ready")
  func impossible() async throws {
    let scene = try Scene()
    scene.state.withLock { $0.failure = .noNamespace(SystemError("unshare", "CLONE_NEWNET", .notPermitted)) }
    try await Self.running(scene) {
      scene.service.note(try scene.wanted(), .healthy)
      try await eventually { scene.testCount >= 2 }
      let text = "cannot make network namespaces for the self-test: unshare(CLONE_NEWNET) = EPERM (1)"
      #expect(scene.health[SelfTestService.check] == .failing(text))
      #expect(try !scene.hasNote)
      let remedy = scene.state.withLock { $0.notices }.first?.remedy
      #expect(
        remedy == "give the agent's container the capabilities SYS_ADMIN and NET_ADMIN, or set SELF_TEST to false")
    }
  }

  @Test("what can never be tried in a container makes nobody wait")
  func container() async throws {
    let scene = try Scene()
    scene.state.withLock { $0.failure = .noPrograms }
    try await Self.running(scene) {
      scene.service.note(try scene.wanted(), .healthy)
      try await eventually { scene.health.isReady }
      #expect(scene.health[SelfTestService.check] == .ok(note: SelfTestFailure.noPrograms.problem))
      #expect(try !scene.hasNote)
      #expect(scene.metrics.text.contains(#"istio_cni_self_tests_total{result="untested"}"#))
      #expect(scene.state.withLock { $0.passCount } == 0)
    }
  }

  @Test("the note goes when the agent does")
  func leaving() async throws {
    let scene = try Scene()
    scene.state.withLock { $0.failure = Self.broken }
    try await Self.running(scene) {
      scene.service.note(try scene.wanted(), .healthy)
      try await eventually { try scene.hasNote }
    }
    #expect(try !scene.hasNote)
  }

  @Test("without the agent's socket it waits a while, and tests all the same")
  func noSocket() async throws {
    let scene = try Scene(hasSocket: false)
    try await Self.running(scene) {
      scene.service.note(try scene.wanted(), .healthy)
      try await eventually { scene.health.isReady }
    }
  }

  // MARK: Texts

  private static let ofPlugin: [(SelfTestFailure, String)] = [
    (
      .notRun("/bin/istio-cni", SystemError("posix_spawn", "/bin/istio-cni", .permissionDenied)),
      "cannot run the installed plugin /bin/istio-cni: posix_spawn(/bin/istio-cni) = EACCES (13)"
    ),
    (
      .notEnded("ADD", after: .seconds(15)),
      "the installed plugin did not end ADD of the self-test's pod within 15 s"
    ),
    (
      .refused("ADD", .exited(1), answer: Array(#"{"code":103,"msg":"cannot redirect","details":"try it"}"#.utf8)),
      "the installed plugin failed ADD of the self-test's pod: cannot redirect"
    ),
    (
      .refused("DEL", .exited(127), answer: []),
      "the installed plugin failed DEL of the self-test's pod: it ended with status 127"
    ),
    (
      .refused("ADD", .signalled(9), answer: [0]),
      "the installed plugin failed ADD of the self-test's pod: signal 9 ended it"
    ),
    (.noResult("/bin/true"), "the installed plugin /bin/true ended well without a result"),
  ]

  @Test("failures name what could not be done, on what, and why", arguments: ofPlugin)
  func texts(failure: SelfTestFailure, text: String) {
    #expect(failure.problem == text)
    #expect(failure.concern == .plugin)
    #expect(!failure.remedy.isEmpty)
  }

  @Test("a socket that nobody, or another agent, serves is the agent's trouble")
  func socket() {
    let nobody = SelfTestFailure.noAnswer(
      "/run/pods.sock", SystemError("connect", "/run/pods.sock", .connectionRefused))
    #expect(
      nobody.problem == "cannot ask the agent's own socket /run/pods.sock about the self-test's pod: "
        + "connect(/run/pods.sock) = ECONNREFUSED (111)")
    let another = SelfTestFailure.foreignAnswer("/run/pods.sock")
    #expect(another.problem == "another agent answers at /run/pods.sock, which does not know the self-test's pod")
    #expect(another.remedy == "end all agents on this node but one; two undo each other's work")
    #expect(nobody.concern == .agent && another.concern == .agent)
  }

  @Test("a network that cannot be made, listened in or trusted is the agent's trouble")
  func network() throws {
    let error = SystemError("bind", "0.0.0.0:15001", .addressInUse)
    let listener = SelfTestFailure.noListener(Endpoint("0.0.0.0", 15001), error)
    #expect(
      listener.problem == "cannot listen on the proxy's port 15001 in the self-test's network namespace: "
        + "bind(0.0.0.0:15001) = EADDRINUSE (98)")
    let network = SelfTestFailure.noNetwork(NetlinkError(SystemError("socket", "AF_NETLINK", .notPermitted)))
    #expect(
      network.problem == "cannot connect the self-test's network namespaces: socket(AF_NETLINK) = EPERM (1)")
    #expect(listener.concern == .agent && network.concern == .agent)
  }

  @Test("the details of the plugin's error are what to do")
  func details() {
    let answer = Array(#"{"code":103,"msg":"cannot redirect","details":"load the module"}"#.utf8)
    #expect(SelfTestFailure.refused("ADD", .exited(1), answer: answer).remedy == "load the module")
  }

  @Test("connections are named by their ways")
  func connections() throws {
    let namespace = Endpoint("192.0.2.1", 80)
    #expect("\(SelfTestOutcome.refused)" == "was not led to the proxy's port")
    #expect("\(SelfTestOutcome.redirected(from: namespace))" == "was led to the proxy's port, as one to 192.0.2.1:80")
    #expect(
      "\(SelfTestOutcome.failed(SystemError("connect", "x", .timedOut)))" == "failed: connect(x) = ETIMEDOUT (110)")
  }
}

extension Plan {
  fileprivate static let nothing = Plan(steps: [], obstacles: [], warnings: [], primary: nil)
  fileprivate static let blocked = Plan(
    steps: [], obstacles: [Obstacle(.noToken, "no token", remedy: "wait")], warnings: [], primary: nil)
}
