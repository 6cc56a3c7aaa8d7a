import JSON
import System

/// The main job on a simulated node: the real installer sets it up, four pods start, their proxies and applications run,
/// and live traffic goes in both directions.
package struct Demonstration: Sendable {
  private let agentNode: AgentNode
  private let pods: [LivingPod]

  /// Installs the mesh on the node, starts the pods, and in each of them what would run there.
  package init(_ programs: AgentNode.Programs) throws {
    agentNode = try AgentNode(programs)
    try agentNode.writeConfiguration("10-mesh.conflist", AgentNode.primaryList())
    let outcome = try agentNode.installer("install")
    guard outcome.status == .exited(0) else {
      throw InstallationFailure(description: String(decoding: outcome.standardError, as: UTF8.self))
    }
    pods = try PodTemplate.Kind.allCases.enumerated().map { [agentNode] index, kind in
      let pod = PodTemplate.pod(
        kind, name: kind.rawValue, uid: "7f3c1a52-0000-4000-8000-00000000000\(index)",
        annotations: ["traffic.sidecar.istio.io/excludeOutboundPorts": "5432"])
      return try LivingPod(try agentNode.start(pod, number: index + 1), isMeshed: kind.isMeshed)
    }
  }

  /// Fires every question, in both families.
  package func run() throws -> [TrafficRow] {
    try TrafficSurvey(of: pods).rows()
  }

  /// Ends the pods as a runtime does: DEL backwards along the chain, once with the namespace and once without.
  package func tearDown() throws {
    for pod in pods {
      pod.close()
      try agentNode.stop(pod.pod, with: .current)
    }
  }

  /// Gives the namespaces names for `ip netns`, and returns these.
  package func keep() throws -> [String] {
    try makeFolder("/run/netns")
    try agentNode.node.network.bind(to: "/run/netns/netns-sim-node")
    for pod in pods { try pod.pod.sandbox.network.bind(to: "/run/netns/netns-sim-\(pod.name)") }
    return ["netns-sim-node"] + pods.map { "netns-sim-\($0.name)" }
  }
}

/// `install-cni` did not set the node up.
package struct InstallationFailure: Error, CustomStringConvertible {
  package let description: String
}
