package import Redirect

/// The pod that questions are about, and who is around it. The root suites build it with real interfaces.
package enum Scene {
  /// On `eth0`.
  package static let pod = addresses("10.9.0.2", "fd00:9::2")
  /// On `eth1`.
  package static let podBehind = addresses("10.10.0.1", "fd00:10::1")
  /// At the other end of `eth0`, with the remotes behind them.
  package static let gateways = addresses("10.9.0.1", "fd00:9::1")
  package static let remotes = addresses(
    "192.0.2.7", "198.51.100.7", "203.0.113.9", "2001:db8::7", "2001:db8:1::7", "2001:db8:2::9")
  /// At the other end of `eth1`: a virtual machine whose traffic goes through the pod.
  package static let machine = addresses("10.10.0.2", "fd00:10::2")
  package static let loopbacks = addresses("127.0.0.1", "127.0.0.5", "::1")

  /// Where applications, servers and the machine listen with TCP, beside the proxy's own ports.
  package static let ports: [Port] = [53, 54, 443, 3500, 5432, 8080, 15008, 15020, 15021, 15090].map { Port($0) }
  /// Where they answer datagrams.
  package static let datagramPorts: [Port] = [53, 54, 8080].map { Port($0) }
  /// Where they answer what is neither TCP nor UDP.
  package static let otherPorts: [Port] = [53, 8080].map { Port($0) }

  package static func addresses(_ texts: String...) -> [IPAddress] { texts.compactMap { IPAddress($0) } }
  package static func prefixes(_ texts: String...) -> [CIDR] { texts.compactMap { CIDR($0) } }

  /// Whether the pod itself has the address.
  package static func isOwn(_ address: IPAddress) -> Bool {
    address.isLoopback || (pod + podBehind).contains(address)
  }

  /// The interface through which the pod reaches an address.
  package static func interface(to address: IPAddress) -> String {
    isOwn(address) ? "lo" : machine.contains(address) ? "eth1" : "eth0"
  }

  /// The address that the kernel gives a connection to `destination` unless a source is asked for.
  package static func source(to destination: IPAddress) -> IPAddress {
    let family = destination.family
    if family == .v4, destination.isLoopback { return loopbacks[0] }
    if isOwn(destination) { return destination }
    let own = machine.contains(destination) ? podBehind : pod
    return own.first { $0.family == family } ?? destination
  }
}
