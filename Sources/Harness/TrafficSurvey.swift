import System
import SystemPackage

/// The questions that show where a pod's traffic goes: in every direction, as every owner, in both families.
package struct TrafficSurvey: Sendable {
  /// Who is asked. Pods in the mesh exclude port 5432 from the redirect.
  private let pods: [LivingPod]

  package init(of pods: [LivingPod]) {
    self.pods = pods
  }

  /// Fires every question.
  package func rows() throws -> [TrafficRow] {
    try pods.flatMap { pod in
      try [false, true].flatMap { isIPv6 in try questions(for: pod, isIPv6: isIPv6) }.map { question in
        let outcome = Probe(to: question.to, as: question.owner, from: question.source)
          .fire(in: question.from.pod.sandbox.network)
        return TrafficRow(
          pod: pod.name, direction: question.direction, from: "\(question.from.name) uid \(question.owner.user)",
          to: question.to, expected: question.expected, seen: Self.text(outcome, to: question.to))
      }
    }
  }

  private struct Question {
    let direction: String
    let from: LivingPod
    let owner: Owner
    let source: String?
    let to: Endpoint
    let expected: String

    init(
      _ direction: String, from: LivingPod, as owner: Owner, source: String? = nil, to: Endpoint, expecting: String
    ) {
      self.direction = direction
      self.from = from
      self.owner = owner
      self.source = source
      self.to = to
      self.expected = expecting
    }
  }

  private func questions(for pod: LivingPod, isIPv6: Bool) throws -> [Question] {
    // Its own traffic passes no proxy, so it sees what the other pod does.
    guard let peer = pods.first(where: { !$0.isMeshed && $0.name != pod.name }) else { return [] }
    let own = { (port: UInt16) throws in try Self.endpoint(of: pod, port, isIPv6) }
    let remote = try Self.endpoint(of: peer, 8080, isIPv6)
    guard pod.isMeshed else {
      return [
        Question("outbound", from: pod, as: .application, to: remote, expecting: "application:8080"),
        Question("inbound", from: peer, as: .root, to: try own(8080), expecting: "application:8080"),
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

  private static func endpoint(of pod: LivingPod, _ port: UInt16, _ isIPv6: Bool) throws -> Endpoint {
    guard let endpoint = pod.pod.endpoint(port, isIPv6: isIPv6) else {
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
