package import Netlink
package import Redirect
package import System

/// One way to put a ruleset into a pod's network namespace and to read it back.
package protocol Backend: Sendable {
  /// As it stands in logs and in the configuration: `nftables`, `iptables-nft`, `iptables-legacy`.
  var name: String { get }

  /// Why this kernel cannot do what the back end needs; nil if it can. Looking leaves nothing in the namespace.
  func refusal(in namespace: borrowing NetworkNamespace) throws(NetfilterError) -> NetlinkError?

  /// Replaces whatever this back end has put there by `ruleset`.
  ///
  /// - Throws: what was refused. The namespace then has the rules that it had before.
  func apply(_ ruleset: Ruleset, in namespace: borrowing NetworkNamespace) throws(NetfilterError)

  /// The same, with sockets of the namespace that are open already, for who can use them.
  func apply(
    _ ruleset: Ruleset, in namespace: borrowing NetworkNamespace, through sockets: borrowing NamespaceSockets
  ) throws(NetfilterError)

  /// Takes out all that this back end has put there; a namespace without it is left as it is.
  func remove(from namespace: borrowing NetworkNamespace) throws(NetfilterError)

  /// What in the kernel differs from `ruleset`, the place of a rule included. Counters don't count, and neither do
  /// other people's tables and chains.
  func drift(
    from ruleset: Ruleset, in namespace: borrowing NetworkNamespace
  ) throws(NetfilterError) -> [Difference]
}

extension Backend {
  package func apply(
    _ ruleset: Ruleset, in namespace: borrowing NetworkNamespace, through sockets: borrowing NamespaceSockets
  ) throws(NetfilterError) {
    try apply(ruleset, in: namespace)
  }
}
