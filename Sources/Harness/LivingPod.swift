import SystemPackage

/// A pod with what runs in it: an application, and a proxy if it is in the mesh.
package final class LivingPod: Sendable {
  package let pod: RunningPod
  /// Whether its traffic has to pass the proxy.
  package let isMeshed: Bool
  private let services: [PodService]

  package init(_ pod: RunningPod, isMeshed: Bool) throws {
    self.pod = pod
    self.isMeshed = isMeshed
    var services = [
      try PodService("application", ports: [8080, 5432], owner: .application, in: pod.sandbox.network)
    ]
    if isMeshed {
      let ports: [UInt16] = [15001, 15006, 15008, 15020, 15021, 15090]
      services.append(try PodService("proxy", ports: ports, owner: .proxy, in: pod.sandbox.network))
    }
    self.services = services
  }

  package var name: String { pod.name }

  /// Ends what runs in it.
  package func close() {
    for service in services { service.close() }
  }
}
