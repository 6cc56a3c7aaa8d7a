import Netlink
package import Redirect
package import System

/// Puts rulesets into pods, takes them out, and tells what became of them.
package enum PodRedirect {
  /// Replaces whatever redirect the namespace has by `ruleset`.
  ///
  /// First what is harmless alone, addresses and routes; then all that steers traffic; last what an earlier ruleset
  /// needed and this one does not. With nf_tables a process killed at any point leaves all of the rules or none.
  /// TCP connections that are open stay what they are, direct or redirected.
  ///
  /// - Throws: the first thing that was refused; no rule was applied then, and of a first redirect nothing is left.
  package static func apply(
    _ ruleset: Ruleset, in namespace: borrowing NetworkNamespace, with backend: any Backend = NftablesBackend()
  ) throws(NetfilterError) {
    let sockets = try asNetfilterError { () throws(NetlinkError) in try NamespaceSockets.open(in: namespace) }
    let isFirst = try asNetfilterError { () throws(NetlinkError) in
      try PodNetwork.prepare(ruleset, through: sockets.route)
    }
    OpenConnections.keep(past: ruleset, in: namespace, tcpSocketCount: sockets.tcpSocketCount)
    do throws(NetfilterError) {
      try backend.apply(ruleset, in: namespace, through: sockets)
    } catch {
      if isFirst { PodNetwork.undo(through: sockets.route) }
      throw error
    }
    // Before the first redirect there was none that could have needed anything.
    if isFirst { return }
    try asNetfilterError { () throws(NetlinkError) in try PodNetwork.cleanUp(after: ruleset, through: sockets.route) }
  }

  /// Takes the redirect away; a namespace without one is left as it is.
  package static func remove(
    from namespace: borrowing NetworkNamespace, with backend: any Backend = NftablesBackend()
  ) throws(NetfilterError) {
    try backend.remove(from: namespace)
    let route = try socket(in: namespace)
    try asNetfilterError { () throws(NetlinkError) in try PodNetwork.cleanUp(after: nil, through: route) }
  }

  /// What in the namespace is not as `ruleset` wants it; empty if all is well.
  package static func drift(
    from ruleset: Ruleset, in namespace: borrowing NetworkNamespace, with backend: any Backend = NftablesBackend()
  ) throws(NetfilterError) -> [Difference] {
    let route = try socket(in: namespace)
    let network = try asNetfilterError { () throws(NetlinkError) in
      try PodNetwork.drift(from: ruleset, through: route)
    }
    return try backend.drift(from: ruleset, in: namespace) + network
  }

  private static func socket(in namespace: borrowing NetworkNamespace) throws(NetfilterError) -> NetlinkSocket {
    try asNetfilterError { () throws(NetlinkError) in try NetlinkSocket.open(.route, in: namespace) }
  }
}
