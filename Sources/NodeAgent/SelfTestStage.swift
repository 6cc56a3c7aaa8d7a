import Glibc
import Netlink
import Redirect
import System
import SystemPackage

/// Two network namespaces with a cable between them: that of a pod, and the world outside. Gone with their owner.
struct SelfTestStage: ~Copyable {
  static let interfaceName = "eth0"
  /// Source: RFC 5737 and RFC 3849, addresses for documentation, which no pod of the node wants to reach.
  private static let outsideAddresses = (v4: "192.0.2.1", v6: "2001:db8::1")
  private static let podAddresses = (v4: "192.0.2.2", v6: "2001:db8::2")
  /// For one connection; the kernel needs microseconds.
  private static let connectionLimit = Duration.seconds(3)

  /// For the kernel to notice that both ends of the cable are up.
  private static let linkLimit = Duration.seconds(1)

  private let pod: NetworkNamespace
  private let outside: NetworkNamespace
  /// Whether the kernel lets a pod have IPv6.
  let hasIPv6: Bool

  /// - Throws: what the agent may not do, or the kernel cannot.
  static func make() throws(SelfTestFailure) -> SelfTestStage {
    let pod = try namespace()
    let outside = try namespace()
    let hasIPv6: Bool
    do throws(NetlinkError) {
      hasIPv6 = try connect(pod, outside)
    } catch {
      throw .noNetwork(error)
    }
    return SelfTestStage(pod: pod, outside: outside, hasIPv6: hasIPv6)
  }

  private static func namespace() throws(SelfTestFailure) -> NetworkNamespace {
    do throws(SystemError) {
      return try NetworkNamespace.create()
    } catch {
      throw .noNamespace(error)
    }
  }

  /// - Returns: Whether there is IPv6.
  private static func connect(
    _ pod: borrowing NetworkNamespace, _ outside: borrowing NetworkNamespace
  ) throws(NetlinkError) -> Bool {
    let inside = try NetlinkSocket.open(.route, in: pod)
    let beyond = try NetlinkSocket.open(.route, in: outside)
    try Links.createVeth(interfaceName, peer: interfaceName, peerNamespace: outside, through: inside)
    let (near, far) = (
      try Links.index(of: interfaceName, through: inside), try Links.index(of: interfaceName, through: beyond)
    )
    for index in [InterfaceIndex.loopback, near] { try Links.setUp(index, through: inside) }
    for index in [InterfaceIndex.loopback, far] { try Links.setUp(index, through: beyond) }
    try awaitLink(through: inside)
    try awaitLink(through: beyond)
    try Addresses.add("\(podAddresses.v4)/24", to: near, through: inside)
    try Addresses.add("\(outsideAddresses.v4)/24", to: far, through: beyond)
    do throws(NetlinkError) {
      try Addresses.add("\(podAddresses.v6)/64", to: near, through: inside)
      try Addresses.add("\(outsideAddresses.v6)/64", to: far, through: beyond)
      return true
    } catch let error where [.notSupported, .addressFamilyNotSupported, .permissionDenied].contains(error.errno) {
      // A kernel without IPv6, or one where it is switched off for new interfaces.
      return false
    }
  }

  /// Waits until the kernel sends what goes out there. Else the first packets are lost, and come again a second later.
  private static func awaitLink(through socket: borrowing NetlinkSocket) throws(NetlinkError) {
    let end = ContinuousClock.now + linkLimit
    while try !Links.isRunning(interfaceName, through: socket), .now < end { usleep(200) }
  }

  /// A path of the pod's namespace that is there without a mount, for programs that this process starts.
  var path: String { pod.withRawValue { "/proc/\(CurrentProcess.identifier)/fd/\($0)" } }

  /// The pod's addresses as a CNI result writes them.
  var addresses: [String] { ["\(Self.podAddresses.v4)/24"] + (hasIPv6 ? ["\(Self.podAddresses.v6)/64"] : []) }

  /// Every way that there is in and out, with the proxy's sockets listening.
  func routes(to ports: ProxyPorts) throws(SelfTestFailure) -> [SelfTestRoute] {
    let taken = [ports.outbound, ports.inbound, ports.tunnel, ports.dns].map(\.rawValue)
    // A port that the policy of the pod says nothing about.
    let port = (80...).first { !taken.contains($0) } ?? 80
    var listeners: [Endpoint: SelfTestListener] = [:]
    var routes: [SelfTestRoute] = []
    for isInbound in [false, true] {
      let addresses = isInbound ? Self.podAddresses : Self.outsideAddresses
      for address in [addresses.v4] + (hasIPv6 ? [addresses.v6] : []) {
        let destination = Endpoint(address, port)
        let proxyPort = (isInbound ? ports.inbound : ports.outbound).rawValue
        let endpoint = Endpoint(destination.isIPv6 ? "::" : "0.0.0.0", proxyPort)
        // One socket where both directions go to the same port.
        if listeners[endpoint] == nil { listeners[endpoint] = try listener(endpoint) }
        guard let listener = listeners[endpoint] else { continue }
        routes.append(SelfTestRoute(isInbound: isInbound, to: destination, listener: listener))
      }
    }
    return routes
  }

  private func listener(_ endpoint: Endpoint) throws(SelfTestFailure) -> SelfTestListener {
    do throws(SystemError) {
      return try SelfTestListener(endpoint, in: pod)
    } catch {
      throw .noListener(endpoint, error)
    }
  }

  /// Connects on a route, and says what became of it.
  func outcome(of route: SelfTestRoute, until deadline: ContinuousClock.Instant) -> SelfTestOutcome {
    let deadline = min(deadline, .now + Self.connectionLimit)
    do throws(SystemError) {
      let client = try client(of: route)
      try client.connect(to: route.destination, until: deadline)
      let connection = try route.listener.socket.accept(until: deadline)
      return .redirected(from: try connection.originalDestination())
    } catch let error where error.errno == .connectionRefused {
      return .refused
    } catch {
      return .failed(error)
    }
  }

  private func client(of route: SelfTestRoute) throws(SystemError) -> StreamSocket {
    if route.isInbound { return try StreamSocket.open(for: route.destination, in: outside) }
    return try StreamSocket.open(for: route.destination, in: pod)
  }
}
