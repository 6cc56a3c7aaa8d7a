import Glibc
import JSON
import System
import SystemPackage

/// A long time on a node where pods come and go, and where something is always going wrong: watches end, are cut and
/// expire, the API server is away, the primary plugin writes its file, the token changes, many pods start at once.
///
/// One agent lives through all of it, and what it takes is looked at again and again.
package final class Soak {
  package struct Settings: Sendable {
    package var duration: Duration
    /// How often a sample is taken.
    package var interval: Duration
    /// How many pods live at a time.
    package var podCount = 40
    /// From one pod's start to the next one's.
    package var pause = Duration.milliseconds(500)
    /// From one trouble to the next.
    package var calm = Duration.seconds(7)

    package init(duration: Duration, interval: Duration) {
      self.duration = duration
      self.interval = interval
    }
  }

  /// What was seen since the sample before.
  package struct Sample: Sendable {
    /// Since the start.
    package let time: Duration
    package let agent: ProcessUsage
    /// Of one processor, since the sample before: 0.01 is 1 %.
    package let processorShare: Double
    /// From the first plugin's start to the last one's end, of each ADD of the whole chain; sorted.
    package let starts: [Duration]
    /// Of our plugin by itself, by its own clock.
    package let meanAddition: Duration
    package let requestCount: Int
    /// Requests about a single pod.
    package let podRequestCount: Int
    /// What went wrong on purpose.
    package let troubles: [String]
  }

  /// What came of it.
  package struct Outcome: Sendable {
    package var samples: [Sample] = []
    package var startCount = 0
    package var meshedCount = 0
    /// Starts that failed at their first try, and pods of the mesh that ran without their redirect.
    package var failures: [String] = []
    package var connectionCount = 0
    /// Connections that ended elsewhere than they should.
    package var strays: [String] = []
    package var requests: [String: Int] = [:]

    /// The claims that do not hold, in words.
    package var problems: [String] {
      var problems = failures + strays
      guard let last = samples.last else { return problems + ["it was too short for a sample"] }
      // What an agent keeps for good it has after a fifth of the time.
      let settled = samples[samples.count / 5]
      let growth = last.agent.resident - settled.agent.resident
      if growth > 4 << 10 { problems.append("the agent's memory grew by \(growth) KiB after the first fifth") }
      let descriptors = last.agent.descriptorCount - settled.agent.descriptorCount
      if descriptors > 4 { problems.append("the agent's descriptors grew by \(descriptors)") }
      let threads = last.agent.threadCount - settled.agent.threadCount
      if threads > 2 { problems.append("the agent's threads grew by \(threads)") }
      let asked = samples.map(\.podRequestCount).reduce(0, +)
      if asked * 100 > startCount { problems.append("\(asked) requests about single pods for \(startCount) starts") }
      return problems
    }
  }

  private let settings: Settings
  private let host: AgentNode
  private let report: (Sample) -> Void
  private var outcome = Outcome()
  /// Known to the API server, and to be started, the first first: the scheduler is ahead of kubelet.
  private var waiting: [JSONValue] = []
  private var living: [RunningPod] = []
  private var podNumber = 0
  private var sandboxNumber = 0
  private var mtu = 1500
  private var token = 1
  private var troubleCount = 0
  private var troubles: [String] = []
  private var starts: [Duration] = []
  private var formerRequestCount = 0
  private var formerProcessorTime = Duration.zero
  private var formerTime = Duration.zero
  private var formerAdditions = (sum: 0.0, count: 0.0)

  private static let primaryName = "10-mesh.conflist"
  private static let waitingCount = 30

  /// - Parameter report: Is told of each sample.
  package init(_ settings: Settings, _ programs: AgentNode.Programs, report: @escaping (Sample) -> Void = { _ in })
    throws
  {
    self.settings = settings
    self.report = report
    // In a list of our own no pod can start past the plugin while the primary plugin's file is being written.
    host = try AgentNode(
      programs, token: "token-1", configMap: ["EXCLUDE_NAMESPACES": "kube-system", "ISTIO_OWNED_CNI_CONFIG": "true"])
  }

  /// Lives through the time.
  ///
  /// - Throws: what keeps it from going on.
  package func run() throws -> Outcome {
    try host.writeConfiguration(Self.primaryName, AgentNode.primaryList(mtu: mtu))
    for _ in 0..<Self.waitingCount { schedule() }
    let agent = try host.startAgent()
    guard agent.awaitReadiness(), agent.awaitKnownPods(waiting.count) else {
      throw SystemError("start", String(agent.output.suffix(2000)), .timedOut)
    }
    let begin = ContinuousClock.now
    var nextSample = begin + settings.interval
    var nextTrouble = begin + settings.calm
    while ContinuousClock.now < begin + settings.duration {
      let next = ContinuousClock.now + settings.pause
      try startNext()
      while living.count > settings.podCount { try endOldest() }
      if ContinuousClock.now > nextTrouble {
        try makeTrouble(agent)
        nextTrouble = .now + settings.calm
      }
      if ContinuousClock.now > nextSample {
        try survey()
        try sample(agent, at: .now - begin)
        nextSample += settings.interval
      }
      let rest = (next - .now) / .microseconds(1)
      if rest > 0 { usleep(useconds_t(rest)) }
    }
    while !living.isEmpty { try endOldest() }
    outcome.requests = Self.kinds(of: host.apiServer.requests)
    try agent.terminate()
    return outcome
  }

  // MARK: Pods

  /// Tells the API server of one more pod of this node.
  private func schedule() {
    let kind = PodTemplate.Kind.allCases[podNumber % PodTemplate.Kind.allCases.count]
    let pod = AgentNode.scheduled(
      PodTemplate.pod(
        kind, name: "\(kind.rawValue)-\(podNumber)", uid: "uid-\(podNumber)",
        annotations: ["traffic.sidecar.istio.io/excludeOutboundPorts": "5432"]))
    podNumber += 1
    waiting.append(pod)
    host.apiServer.put(pod)
  }

  private func startNext() throws {
    let pod = waiting.removeFirst()
    schedule()
    sandboxNumber += 1
    try note(Self.start(pod, number: sandboxNumber, on: host))
  }

  /// One pod's start.
  private struct Start: Sendable {
    let isMeshed: Bool
    let result: Result<RunningPod, StartFailure>
    let duration: Duration
  }

  private struct StartFailure: Error, CustomStringConvertible {
    let description: String
  }

  private static func start(_ pod: JSONValue, number: Int, on host: AgentNode) -> Start {
    let name = pod["metadata"]?["name"]?.string ?? ""
    let isMeshed = PodTemplate.Kind.allCases.contains { $0.isMeshed && name.hasPrefix($0.rawValue) }
    let start = ContinuousClock.now
    do {
      let running = try host.start(pod, number: number, isStored: false)
      return Start(isMeshed: isMeshed, result: .success(running), duration: .now - start)
    } catch {
      let failure = StartFailure(description: "\(name) did not start at once: \(error)")
      return Start(isMeshed: isMeshed, result: .failure(failure), duration: .now - start)
    }
  }

  private func note(_ start: Start) throws {
    outcome.startCount += 1
    if start.isMeshed { outcome.meshedCount += 1 }
    starts.append(start.duration)
    switch start.result {
    case .success(let pod):
      living.append(pod)
      if try isRedirected(pod) != start.isMeshed {
        outcome.failures.append("\(pod.name) \(start.isMeshed ? "has no redirect" : "has one")")
      }
    case .failure(let failure): outcome.failures.append("\(failure)")
    }
  }

  private func isRedirected(_ pod: RunningPod) throws -> Bool {
    try host.node.mounts.run(with: pod.sandbox.network) { () throws(SystemError) in
      try runChild(
        "/usr/sbin/nft", arguments: ["list", "table", "inet", "istio-cni"], environment: [:], timeLimit: .seconds(10))
    }.status == .exited(0)
  }

  private func endOldest() throws {
    let pod = living.removeFirst()
    host.apiServer.removePod(namespace: pod.sandbox.pod.namespace, name: pod.name)
    try host.stop(pod, with: sandboxNumber.isMultiple(of: 2) ? .current : .cached)
  }

  /// Two pods of their own, with what runs in them, are asked where their traffic goes.
  private func survey() throws {
    let pods = try [PodTemplate.Kind.noSidecar, .classicSidecar].map { kind in
      sandboxNumber += 1
      let pod = PodTemplate.pod(
        kind, name: "survey-\(sandboxNumber)", uid: "uid-survey-\(sandboxNumber)",
        annotations: ["traffic.sidecar.istio.io/excludeOutboundPorts": "5432"])
      return try LivingPod(
        host.start(AgentNode.scheduled(pod), number: sandboxNumber), isMeshed: kind.isMeshed)
    }
    let rows = try TrafficSurvey(of: pods).rows()
    outcome.connectionCount += rows.count
    for row in rows where !row.isOK {
      outcome.strays.append("\(row.pod), \(row.direction), to \(row.to): \(row.seen), not \(row.expected)")
    }
    for pod in pods {
      pod.close()
      host.apiServer.removePod(namespace: pod.pod.sandbox.pod.namespace, name: pod.name)
      try host.stop(pod.pod, with: .current)
    }
  }

  // MARK: Troubles

  private func makeTrouble(_ agent: AgentProcess) throws {
    let all: [(name: String, make: () throws -> Void)] = [
      ("watches end", { self.host.apiServer.endWatches() }),
      ("watches are cut", { self.host.apiServer.cutWatches() }),
      (
        "watches expire",
        {
          self.host.apiServer.expireHistory()
          self.host.apiServer.failWatches(410)
        }
      ),
      ("the API server is away", outage),
      ("the primary plugin writes its file", primaryWrites),
      ("10 pods at once", burst),
      ("a new token", rotateToken),
      ("watches fail", { self.host.apiServer.failWatches(500) }),
    ]
    let trouble = all[troubleCount % all.count]
    troubleCount += 1
    troubles.append(trouble.name)
    try trouble.make()
  }

  /// Pods that are known go on starting meanwhile.
  private func outage() throws {
    host.apiServer.setBehaviour(.status(503))
    host.apiServer.cutWatches()
    for _ in 0..<6 { try startNext() }
    host.apiServer.setBehaviour(.normal)
  }

  private func primaryWrites() throws {
    mtu = mtu == 1500 ? 1450 : 1500
    try host.writeConfiguration(Self.primaryName, AgentNode.primaryList(mtu: mtu))
  }

  private func burst() throws {
    let pods = Array(waiting.prefix(10))
    waiting.removeFirst(pods.count)
    for _ in pods { schedule() }
    let first = sandboxNumber + 1
    sandboxNumber += pods.count
    for start in try inParallel(pods.count, { [host] in Self.start(pods[$0], number: first + $0, on: host) }) {
      try note(start)
    }
  }

  private func rotateToken() throws {
    token += 1
    try host.setToken("token-\(token)")
    let isWritten = comesTrue(within: .seconds(10)) {
      String(decoding: try host.node.read(AgentNode.kubeconfig) ?? [], as: UTF8.self).contains("token-\(token)")
    }
    if !isWritten { outcome.failures.append("the kubeconfig did not get token-\(token)") }
    host.apiServer.setToken("token-\(token)")
  }

  // MARK: Samples

  private func sample(_ agent: AgentProcess, at time: Duration) throws {
    let usage = try ProcessUsage(of: agent.pid)
    let metrics = try agent.metrics()
    let labels = #"{command="ADD",phase="total"}"#
    let additions = (
      sum: metrics["istio_cni_plugin_duration_seconds_sum\(labels)"] ?? 0,
      count: metrics["istio_cni_plugin_duration_seconds_count\(labels)"] ?? 0
    )
    let newCount = max(1, additions.count - formerAdditions.count)
    let requests = host.apiServer.requests[formerRequestCount...]
    let sample = Sample(
      time: time, agent: usage, processorShare: (usage.processorTime - formerProcessorTime) / (time - formerTime),
      starts: starts.sorted(), meanAddition: .seconds((additions.sum - formerAdditions.sum) / newCount),
      requestCount: requests.count,
      podRequestCount: requests.count { $0.purpose == "get pods" },
      troubles: troubles)
    formerRequestCount += requests.count
    formerProcessorTime = usage.processorTime
    formerTime = time
    formerAdditions = additions
    starts = []
    troubles = []
    outcome.samples.append(sample)
    report(sample)
  }

  /// How often each thing was asked for.
  private static func kinds(of requests: [FakeAPIServer.Request]) -> [String: Int] {
    Dictionary(requests.map { ($0.purpose, 1) }, uniquingKeysWith: +)
  }
}
