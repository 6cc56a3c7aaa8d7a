import Netlink
package import System

/// A pod and the rest of the world, joined by a veth pair: the smallest place where redirects can be seen at work.
package final class PodPair: Sendable {
  package let pod: NetworkNamespace
  /// Where everything that is not the pod's is answered.
  package let world: NetworkNamespace

  /// The pod's own addresses on `eth0`.
  package static let podAddresses = ["10.9.0.2", "fd00:9::2"]
  /// The world's addresses on the wire.
  package static let gateways = ["10.9.0.1", "fd00:9::1"]

  /// - Parameter remotes: Further addresses of the world, reached through the gateways.
  package init(remotes: [String] = []) throws {
    pod = try NetworkNamespace.createForTraffic()
    world = try NetworkNamespace.createForTraffic()
    try Self.join(pod, world, remotes: remotes)
  }

  /// Lays the wire between a pod and the world.
  static func join(
    _ pod: borrowing NetworkNamespace, _ world: borrowing NetworkNamespace, remotes: [String]
  ) throws {
    try pod.join(
      WireEnd(interface: "eth0", addresses: podAddresses + ["fe80::9:2"]), to: world,
      WireEnd(interface: "pod0", addresses: gateways + ["fe80::9:1"]))
    let inPod = try NetlinkSocket.open(.route, in: pod)
    for gateway in gateways { try Routes.addDefault(via: gateway, through: inPod) }
    let inWorld = try NetlinkSocket.open(.route, in: world)
    for remote in remotes { try Addresses.add(remote, to: .loopback, through: inWorld) }
    try world.awaitLocalRoutes(to: remotes)
  }
}
