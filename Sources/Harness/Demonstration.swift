package import JSON
import System
import SystemPackage

/// The main job on a simulated node: four pods, their proxies and applications, and live traffic in both directions.
package struct Demonstration: Sendable {
  /// A question put to the kernel with one connection.
  package struct Row: Sendable {
    package let pod: String
    package let direction: String
    package let from: String
    package let to: Endpoint
    package let expected: String
    package let seen: String

    package var isOK: Bool { expected == seen }

    package var json: JSONValue {
      [
        "pod": .string(pod), "direction": .string(direction), "from": .string(from), "to": .string("\(to)"),
        "expected": .string(expected), "seen": .string(seen), "ok": .bool(isOK),
      ]
    }
  }

  private struct Question {
    let direction: String
    let from: RunningPod
    let owner: Owner
    let source: String?
    let to: Endpoint
    let expected: String

    init(
      _ direction: String, from: RunningPod, as owner: Owner, source: String? = nil, to: Endpoint, expecting: String
    ) {
      self.direction = direction
      self.from = from
      self.owner = owner
      self.source = source
      self.to = to
      self.expected = expecting
    }
  }

  private let mesh: MeshNode
  package let pods: [RunningPod]
  private let services: [PodService]

  /// Starts the pods, and in each of them what would run there.
  package init(pluginFolder: String, referencePlugins: String) throws {
    let mesh = try MeshNode(pluginFolder: pluginFolder, referencePlugins: referencePlugins)
    self.mesh = mesh
    pods = try PodTemplate.Kind.allCases.enumerated().map { index, kind in
      let pod = PodTemplate.pod(
        kind, name: kind.rawValue, uid: "7f3c1a52-0000-4000-8000-00000000000\(index)",
        annotations: ["traffic.sidecar.istio.io/excludeOutboundPorts": "5432"])
      return try mesh.start(pod, number: index + 1)
    }
    services = try pods.flatMap { pod in
      var services = [
        try PodService("application", ports: [8080, 5432], owner: .application, in: pod.sandbox.network)
      ]
      if pod.isMeshed {
        services.append(
          try PodService(
            "proxy", ports: [15001, 15006, 15008, 15020, 15021, 15090], owner: .proxy, in: pod.sandbox.network))
      }
      return services
    }
  }

  /// Fires every question, in both families.
  package func run() throws -> [Row] {
    try pods.flatMap { pod in
      try [false, true].flatMap { isIPv6 in try questions(for: pod, isIPv6: isIPv6) }.map { question in
        let outcome = Probe(to: question.to, as: question.owner, from: question.source)
          .fire(in: question.from.sandbox.network)
        return Row(
          pod: pod.name, direction: question.direction, from: "\(question.from.name) uid \(question.owner.user)",
          to: question.to, expected: question.expected, seen: Self.text(outcome, to: question.to))
      }
    }
  }

  /// Ends the pods as a runtime does: DEL backwards along the chain, once with the namespace and once without.
  package func tearDown() throws {
    for service in services { service.close() }
    for pod in pods {
      try mesh.runtime.stop(pod.sandbox)
      try pod.sandbox.remove()
      try mesh.runtime.remove(pod.sandbox)
    }
  }

  /// Gives the namespaces names for `ip netns`, and returns these.
  package func keep() throws -> [String] {
    try makeFolder("/run/netns")
    try mesh.node.network.bind(to: "/run/netns/netns-sim-node")
    for pod in pods { try pod.sandbox.network.bind(to: "/run/netns/netns-sim-\(pod.name)") }
    return ["netns-sim-node"] + pods.map { "netns-sim-\($0.name)" }
  }

  private func questions(for pod: RunningPod, isIPv6: Bool) throws -> [Question] {
    guard let peer = pods.first(where: { $0.name == PodTemplate.Kind.noSidecar.rawValue }) else { return [] }
    let own = { (port: UInt16) throws in try Self.endpoint(of: pod, port, isIPv6) }
    let remote = try Self.endpoint(of: peer, 8080, isIPv6)
    guard pod.isMeshed else {
      guard let other = pods.first(where: { $0.name != pod.name && !$0.isMeshed }) else { return [] }
      let its = try Self.endpoint(of: other, 8080, isIPv6)
      return [
        Question("outbound", from: pod, as: .application, to: its, expecting: "application:8080"),
        Question("inbound", from: other, as: .root, to: try own(8080), expecting: "application:8080"),
      ]
    }
    let loopback = Endpoint(isIPv6 ? "::1" : "127.0.0.1", 8080)
    let magic = isIPv6 ? "::6" : "127.0.0.6"
    return [
      Question("outbound", from: pod, as: .application, to: remote, expecting: "proxy:15001 for \(remote)"),
      Question("outbound", from: pod, as: .root, to: remote, expecting: "proxy:15001 for \(remote)"),
      Question("outbound", from: pod, as: .proxy, to: remote, expecting: "application:8080"),
      Question(
        "outbound, excluded port", from: pod, as: .application, to: Endpoint(remote.address, 5432),
        expecting: "application:5432"),
      Question("inbound", from: peer, as: .root, to: try own(8080), expecting: "proxy:15006 for \(try own(8080))"),
      Question("inbound, health", from: peer, as: .root, to: try own(15021), expecting: "proxy:15021"),
      Question("inbound, tunnel", from: peer, as: .root, to: try own(15008), expecting: "proxy:15008"),
      Question("to itself", from: pod, as: .application, to: try own(8080), expecting: "application:8080"),
      Question("to itself", from: pod, as: .proxy, to: try own(8080), expecting: "proxy:15006 for \(try own(8080))"),
      Question("loopback", from: pod, as: .application, to: loopback, expecting: "application:8080"),
      Question(
        "proxy to application", from: pod, as: .proxy, source: magic, to: try own(8080), expecting: "application:8080"),
    ]
  }

  private static func endpoint(of pod: RunningPod, _ port: UInt16, _ isIPv6: Bool) throws -> Endpoint {
    guard let endpoint = pod.endpoint(port, isIPv6: isIPv6) else {
      throw SystemError("find", "an \(isIPv6 ? "IPv6" : "IPv4") address of \(pod.name)", .addressNotAvailable)
    }
    return endpoint
  }

  /// Who answered, and for which destination if that is not where the connection arrived.
  private static func text(_ outcome: Probe.Outcome, to destination: Endpoint) -> String {
    switch outcome {
    case .answered(let answer):
      let isRedirected = answer.port != destination.port
      return "\(answer.service):\(answer.port)" + (isRedirected ? " for \(answer.original.map { "\($0)" } ?? "?")" : "")
    case .refused: return "refused"
    case .timedOut: return "timed out"
    case .failed(let error): return "\(error)"
    }
  }
}

extension RunningPod {
  fileprivate var isMeshed: Bool { name.hasSuffix("sidecar") && !name.hasPrefix("no-") }
}
