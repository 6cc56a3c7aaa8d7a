import Netlink
import Redirect
import System

/// TCP connections that were open before the rules.
///
/// A namespace without rules has no connection tracking. Once there are NAT rules, it takes the next segment of an open
/// connection for the first of a new one (`nf_conntrack_tcp_loose`), the rules redirect that, and the proxy, who knows
/// nothing of it, resets the connection. So connection tracking is told of them before. A rule that lets pass what does
/// not begin a connection would do as well, until the kernel forgets a redirected one: its data would go out past the
/// proxy.
enum OpenConnections {
  /// Lets the connections that are open now go on past the rules. Those that connection tracking knows, whether they
  /// are redirected or not, stay as they are.
  ///
  /// A kernel that has no connection tracking to speak to, or no room, cuts them as it would without this.
  ///
  /// - Parameter tcpSocketCount: of the namespace. A fresh pod, one without any socket, is spared the list. With nil, as
  ///   where there is no /proc, it is asked for.
  static func keep(past ruleset: Ruleset, in namespace: borrowing NetworkNamespace, tcpSocketCount: Int?) {
    if tcpSocketCount == 0 { return }
    // The pod needs the redirect, and does without this: no failure of it may keep a pod from starting.
    try? track(past: ruleset, in: namespace)
  }

  private static func track(
    past ruleset: Ruleset, in namespace: borrowing NetworkNamespace
  ) throws(NetlinkError) {
    let sockets = try TCPSockets.list(through: NetlinkSocket.open(.socketDiagnostics, in: namespace))
    let connections = direct(among: sockets, under: ruleset)
    if connections.isEmpty { return }
    try TrackedConnections.add(connections, through: NetlinkSocket.open(.netfilter, in: namespace))
  }

  /// The connections that no earlier redirect had a hand in, each once.
  ///
  /// One that the proxy has an end of is known to connection tracking. If it was forgotten, to call it direct would
  /// open the way past the proxy.
  static func direct(among sockets: [TCPSocket], under ruleset: Ruleset) -> [TCPConnection] {
    let listening = Set(sockets.filter { $0.peer == nil }.map(\.local.port))
    let redirectPorts = ruleset.redirectPorts
    let redirected = Set(sockets.filter { redirectPorts.contains($0.local.port) }.compactMap(\.peer))
    var known: Set<TCPConnection> = []
    return sockets.compactMap { socket in
      guard let peer = socket.peer, !redirectPorts.contains(socket.local.port), !redirected.contains(socket.local)
      else { return nil }
      let fromHere = TCPConnection(from: socket.local, to: peer)
      let fromThere = TCPConnection(from: peer, to: socket.local)
      // Both ends of a connection of the pod to itself are among the sockets.
      if known.contains(fromHere) || known.contains(fromThere) { return nil }
      // With TPROXY nothing depends on who opened a connection but for one rule, which lets replies to the pod pass. As
      // replies the peer's segments reach the application's socket; a new connection between the same ends begins with
      // a segment that connection tracking can not place, and that goes to the proxy.
      let isInbound = listening.contains(socket.local.port) && ruleset.localDelivery == nil
      let connection = isInbound ? fromThere : fromHere
      known.insert(connection)
      return connection
    }
  }
}

extension Ruleset {
  /// The proxy's ports that connections are redirected to.
  fileprivate var redirectPorts: Set<UInt16> {
    Set(
      chains.flatMap(\.rules).compactMap { rule in
        if case .redirect(let port) = rule.verdict { port.rawValue } else { nil }
      })
  }
}
