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
    pod = try NetworkNamespace.create()
    world = try NetworkNamespace.create()
    try pod.setLoopbackUp()
    try world.setLoopbackUp()
    let inPod = try NetlinkSocket.open(.route, in: pod)
    let inWorld = try NetlinkSocket.open(.route, in: world)
    try Links.createVeth("eth0", peer: "pod0", peerNamespace: world, through: inPod)
    let eth0 = try Links.index(of: "eth0", through: inPod)
    let pod0 = try Links.index(of: "pod0", through: inWorld)
    for (address, gateway) in zip(Self.podAddresses, Self.gateways) {
      let length = Endpoint(address, 0).isIPv6 ? 64 : 24
      try Addresses.add("\(address)/\(length)", to: eth0, through: inPod)
      try Addresses.add("\(gateway)/\(length)", to: pod0, through: inWorld)
    }
    try Links.setUp(eth0, through: inPod)
    try Links.setUp(pod0, through: inWorld)
    for gateway in Self.gateways { try Routes.addDefault(via: gateway, through: inPod) }
    for remote in remotes {
      try Addresses.add("\(remote)/\(Endpoint(remote, 0).isIPv6 ? 128 : 32)", to: .loopback, through: inWorld)
    }
  }
}
