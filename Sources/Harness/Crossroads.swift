import Netlink
package import System

/// A pod with a second interface, behind which stands a machine: a virtual machine that the pod hosts, or a second
/// network. The pod forwards between it and the world.
///
/// For the rules that look at interfaces; for all others `PodPair` is the pod as it mostly is, one that does not
/// forward.
package final class Crossroads: Sendable {
  package let pod: NetworkNamespace
  /// Where everything that is neither the pod's nor the machine's is answered, as in `PodPair`.
  package let world: NetworkNamespace
  package let machine: NetworkNamespace

  /// The pod's own addresses on `eth0`.
  package static let podAddresses = PodPair.podAddresses
  /// The world's addresses on the wire to the pod's `eth0`.
  package static let gateways = PodPair.gateways
  /// The pod's own addresses on `eth1`.
  package static let innerAddresses = ["10.10.0.1", "fd00:10::1"]
  /// The machine's addresses on its `eth0`.
  package static let machineAddresses = ["10.10.0.2", "fd00:10::2"]

  /// - Parameter remotes: Further addresses of the world, reached through the gateways.
  package init(remotes: [String] = []) throws {
    pod = try NetworkNamespace.createForTraffic()
    world = try NetworkNamespace.createForTraffic()
    machine = try NetworkNamespace.createForTraffic()
    try pod.setSysctl("net/ipv4/ip_forward", "1")
    try pod.setSysctl("net/ipv6/conf/all/forwarding", "1")
    try PodPair.join(pod, world, remotes: remotes)
    try pod.join(
      WireEnd(interface: "eth1", addresses: Self.innerAddresses + ["fe80::10:1"]), to: machine,
      WireEnd(interface: "eth0", addresses: Self.machineAddresses + ["fe80::10:2"]))
    let inMachine = try NetlinkSocket.open(.route, in: machine)
    for gateway in Self.innerAddresses { try Routes.addDefault(via: gateway, through: inMachine) }
    let inWorld = try NetlinkSocket.open(.route, in: world)
    for (prefix, gateway) in zip(["10.10.0.0/24", "fd00:10::/64"], Self.podAddresses) {
      try Routes.add(prefix, via: gateway, through: inWorld)
    }
  }
}
