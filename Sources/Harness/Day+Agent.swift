import Glibc
import JSON
import Synchronization
import System

/// What becomes of pods when those that know about them are away.
extension Day {
  /// First the API server is away, then the agent too.
  func apiServerIsAway() throws {
    // What kubelet starts during an outage it knew before, and so did the agent.
    for pod in [
      Self.pod(.nativeSidecar, "known"), Self.pod(.noSidecar, "known-plain"), Self.pod(.classicSidecar, "late"),
    ] {
      host.apiServer.put(pod)
    }
    claim("the agent knows the node's pods", knowsPods())
    host.apiServer.setBehaviour(.status(503))
    host.apiServer.cutWatches()
    try start(.nativeSidecar, "known", tries: 1, handsAnnotations: false, isStored: false)
    try start(.noSidecar, "known-plain", tries: 1, handsAnnotations: false, isStored: false)
    try start(.noSidecar, "unknown-plain", tries: 1, isStored: false)

    try agent?.kill(SIGKILL)
    _ = try agent?.wait()
    try start(.noSidecar, "without-anybody", tries: 1, isStored: false)
    claim("a pod of the mesh that nobody can tell about is to be tried again") {
      do {
        sandboxCount += 1
        let pod = try host.start(Self.pod(.classicSidecar, "late"), number: sandboxCount, isStored: false)
        return "\(pod.name) started"
      } catch let error as RuntimeError {
        return error.failure?["code"] == 11 ? nil : "\(error)"
      }
    }

    host.apiServer.setBehaviour(.normal)
    try start(.classicSidecar, "late", tries: 1, isStored: false)
    agent = try host.startAgent()
    try awaitHealth()
    claim("the agent knows the node's pods again", knowsPods())
  }

  /// The agent ends in the middle of it, and is back before all are started.
  func agentIsKilled() throws {
    let kinds = (0..<12).map { PodTemplate.Kind.allCases[$0 % PodTemplate.Kind.allCases.count] }
    let burst = kinds.enumerated().map { Self.pod($1, "burst-\($0)") }
    for pod in burst { host.apiServer.put(pod) }
    claim("the agent knows the node's pods", knowsPods())
    let first = sandboxCount + 1
    sandboxCount += burst.count
    let next = Mutex<AgentProcess?>(nil)
    let starts = try inParallel(burst.count, threads: 4) { [host, agent] number in
      if number == 4 { try agent?.kill(SIGKILL) }
      if number == 8 {
        // Reaped first: the new one needs its ports.
        _ = try agent?.wait()
        let started = try host.startAgent()
        next.withLock { $0 = started }
      }
      let start = ContinuousClock.now
      let result = Result {
        try host.start(
          burst[number], number: first + number, handsAnnotations: number.isMultiple(of: 3), isStored: false)
      }
      return (result: result, duration: ContinuousClock.now - start)
    }
    agent = next.withLock(\.self)

    var failures: [String] = []
    var delays: [String] = []
    var started: [LivingPod] = []
    for (kind, start) in zip(kinds, starts) {
      do {
        let pod = try LivingPod(try start.result.get(), isMeshed: kind.isMeshed)
        started.append(pod)
        if !kind.isMeshed, start.duration > Self.delayLimit { delays.append("\(pod.name) took \(start.duration)") }
      } catch {
        failures.append("\(error)")
      }
    }
    claim("\(burst.count) pods start at their first try", failures.isEmpty, failures.joined(separator: "; "))
    claim("no plain pod among them is delayed", delays.isEmpty, delays.joined(separator: "; "))
    pods += started
    try survey("with these")
    pods.removeLast(started.count)
    for pod in started {
      pod.close()
      try host.stop(pod.pod, with: .current)
      host.apiServer.removePod(namespace: pod.pod.sandbox.pod.namespace, name: pod.name)
    }
    try awaitHealth()
    claim("the agent knows the node's pods again", knowsPods())
  }

  /// Whether the agent comes to know as many pods as the API server has.
  private func knowsPods() -> Bool {
    agent?.awaitKnownPods(host.apiServer.objects(kind: "Pod").count) ?? false
  }
}
