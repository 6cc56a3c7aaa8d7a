import CNI
import JSON
import Kubernetes
import Netfilter
import Redirect
import System

/// Proves on this node that a pod of the mesh is redirected: makes a network namespace that belongs to nobody, has the
/// installed plugin set it up as a runtime would, and connects.
///
/// Nothing of the node is touched but the plugin's own record, which DEL removes again.
struct SelfTest: Sendable {
  /// For all of it, in which other pods start as well; by itself it takes some hundredths of a second.
  private static let timeLimit = Duration.seconds(15)
  /// For an answer out of the agent's memory.
  private static let answerLimit = Duration.seconds(2)
  private static let version = SpecVersion.v1_0_0

  /// What is tried.
  struct Subject: Sendable, Equatable {
    /// The installed plugin.
    var binary: String
    /// Its entry as it is installed.
    var entry: JSONObject

    /// - Returns: nil without a folder of the runtime's.
    init?(_ wanted: Wanted) {
      guard let binary = wanted.layout.targetBinaries.first else { return nil }
      self.binary = binary
      entry = wanted.entry
    }
  }

  let subject: Subject
  /// Pods that the agent tells the plugin of beside those of the node.
  let guests: PodCache
  /// Where it tells it of them.
  let socket: String
  /// Where the plugin finds programs, should its back end need any.
  let programPath: String

  /// Runs the test. Blocks, for ``timeLimit`` at most.
  func run() throws(SelfTestFailure) {
    let deadline = ContinuousClock.now + Self.timeLimit
    if subject.entry["redirect_backend"] == "iptables", !hasPrograms { throw .noPrograms }
    let stage = try SelfTestStage.make()
    let routes = try stage.routes(to: ports)
    for route in routes {
      let outcome = stage.outcome(of: route, until: deadline)
      guard outcome == .refused else { throw .odd(route, outcome) }
    }

    let pod = SelfTestPod()
    let entry = PodEntry(pod.object)
    guests.put(entry)
    defer { guests.remove(entry) }
    try requireAnswer(about: pod, until: deadline)
    do throws(SelfTestFailure) {
      try call(.ADD, pod, on: stage, until: deadline)
      for route in routes {
        let outcome = stage.outcome(of: route, until: deadline)
        guard outcome == .redirected(from: route.destination) else { throw .notRedirected(route, outcome) }
      }
    } catch {
      // The error that matters is the one on its way.
      _ = try? call(.DEL, pod, on: stage, until: deadline)
      throw error
    }
    try call(.DEL, pod, on: stage, until: deadline)
    for route in routes {
      let outcome = stage.outcome(of: route, until: deadline)
      guard outcome == .refused else { throw .notRemoved(route, outcome) }
    }
  }

  /// Asks as the plugin will: one that gets no answer asks the API server, which has no such pod.
  private func requireAnswer(about pod: SelfTestPod, until deadline: ContinuousClock.Instant) throws(SelfTestFailure) {
    let question = PodQuestion(namespace: SelfTestPod.namespace, name: SelfTestPod.name, uid: pod.uid)
    do throws(SystemError) {
      let answer = try askLocalService(
        at: socket, question.line, limit: PodAnswer.sizeLimit, deadline: min(deadline, .now + Self.answerLimit))
      if case .pod = PodAnswer(parsing: answer) { return }
    } catch {
      throw .noAnswer(socket, error)
    }
    throw .foreignAnswer(socket)
  }

  /// The proxy's listeners, as the entry says.
  private var ports: ProxyPorts {
    var ports = ProxyPorts()
    func port(_ key: String) -> Port? { subject.entry[key]?.int.flatMap { UInt16(exactly: $0) }.map { Port($0) } }
    ports.outbound = port("proxy_outbound_port") ?? ports.outbound
    ports.inbound = port("proxy_inbound_port") ?? ports.inbound
    ports.tunnel = port("proxy_tunnel_port") ?? ports.tunnel
    ports.dns = port("proxy_dns_port") ?? ports.dns
    return ports
  }

  private var hasPrograms: Bool {
    do throws(NetfilterError) {
      try IptablesBackend(folders: programPath.split(separator: ":").map { String($0) }).requirePrograms()
      return true
    } catch {
      return false
    }
  }

  // MARK: The runtime's part

  private func call(
    _ command: Command, _ pod: SelfTestPod, on stage: borrowing SelfTestStage, until deadline: ContinuousClock.Instant
  ) throws(SelfTestFailure) {
    let environment = [
      "CNI_COMMAND": command.rawValue, "CNI_CONTAINERID": SelfTestPod.containerID, "CNI_NETNS": stage.path,
      "CNI_IFNAME": SelfTestStage.interfaceName, "CNI_ARGS": pod.arguments, "CNI_PATH": folder(of: subject.binary),
      "PATH": programPath,
    ]
    let outcome: ChildOutcome
    do throws(SystemError) {
      outcome = try runChild(
        subject.binary, arguments: [], environment: environment,
        standardInput: JSONValue.object(configuration(for: stage)).serialized(),
        timeLimit: max(deadline - .now, .zero))
    } catch {
      throw .notRun(subject.binary, error)
    }
    if outcome.timedOut { throw .notEnded(command.rawValue, after: Self.timeLimit) }
    guard outcome.status == .exited(0) else {
      let failure = SelfTestFailure.refused(command.rawValue, outcome.status, answer: outcome.standardOutput)
      throw failure.remedy.contains("iptables-restore") && !hasPrograms ? .noPrograms : failure
    }
    // What is no JSON is no result.
    let answer = try? JSONValue(parsing: outcome.standardOutput)
    if command == .ADD, answer?["cniVersion"]?.string == nil { throw .noResult(subject.binary) }
  }

  /// What the plugin gets on its standard input: its entry, and what a runtime adds to that.
  private func configuration(for stage: borrowing SelfTestStage) -> JSONObject {
    var configuration: JSONObject = [
      "cniVersion": .string(Self.version.rawValue), "name": .string(SelfTestPod.namespace),
    ]
    for (key, value) in subject.entry.members { configuration[key] = value }
    // Whoever excludes this namespace as well does not mean that nothing is to be known.
    let excluded = subject.entry["exclude_namespaces"]?.array?.filter { $0.string != SelfTestPod.namespace }
    if let excluded { configuration["exclude_namespaces"] = .array(excluded) }
    configuration["prevResult"] = [
      "cniVersion": .string(Self.version.rawValue),
      "interfaces": [["name": .string(SelfTestStage.interfaceName), "sandbox": .string(stage.path)]],
      "ips": .array(stage.addresses.map { ["address": .string($0), "interface": 0] }),
    ]
    return configuration
  }
}
