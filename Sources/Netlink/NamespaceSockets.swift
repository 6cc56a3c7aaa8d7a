package import System

/// The sockets that it takes to redirect a pod, opened in one visit of its namespace: each visit is a thread's life, and
/// three of them are a good part of what a pod's start costs.
package struct NamespaceSockets: ~Copyable {
  package let route: NetlinkSocket
  /// Nil where the kernel has none; to open one says why.
  package let netfilter: NetlinkSocket?
  /// How many TCP sockets of the namespace listen or have a connection; nil where there is no /proc.
  package let tcpSocketCount: Int?

  /// - Throws: what keeps the namespace from being entered, or the socket for routes from being opened.
  package static func open(in namespace: borrowing NetworkNamespace) throws(NetlinkError) -> NamespaceSockets {
    let opened = try asNetlinkError { () throws(SystemError) in
      try namespace.run { () throws(SystemError) in
        // Who needs this or the second socket asks again, and gets the reason. It comes first: a pod without any socket is
        // told apart by one look, and ours are sockets as well.
        let tcpSocketCount = try? NetworkNamespace.currentTCPSocketCount()
        return Opened(
          route: try NetlinkSocket.openDescriptor(.route),
          netfilter: try? NetlinkSocket.openDescriptor(.netfilter),
          tcpSocketCount: tcpSocketCount)
      }
    }
    return try opened.adopted()
  }

  /// What the thread hands out.
  private struct Opened: ~Copyable, Sendable {
    let route: OwnedDescriptor
    let netfilter: OwnedDescriptor?
    let tcpSocketCount: Int?

    consuming func adopted() throws(NetlinkError) -> NamespaceSockets {
      let count = tcpSocketCount
      let route = try NetlinkSocket.adopt(route, .route)
      guard let netfilter else { return NamespaceSockets(route: route, netfilter: nil, tcpSocketCount: count) }
      return NamespaceSockets(
        route: route, netfilter: try NetlinkSocket.adopt(netfilter, .netfilter), tcpSocketCount: count)
    }
  }
}
