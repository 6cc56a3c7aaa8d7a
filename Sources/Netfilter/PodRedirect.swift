import Netlink
package import Redirect
package import System

/// Puts rulesets into pods, takes them out, and tells what became of them.
package enum PodRedirect {
  /// Replaces whatever redirect the namespace has by `ruleset`.
  ///
  /// First what is harmless alone, addresses and routes; then all that steers traffic; last what an earlier ruleset
  /// needed and this one does not. With nf_tables a process killed at any point leaves all of the rules or none.
  ///
  /// - Throws: the first thing that was refused; no rule was applied then.
  package static func apply(
    _ ruleset: Ruleset, in namespace: borrowing NetworkNamespace, with backend: any Backend = NftablesBackend()
  ) throws(NetfilterError) {
    try asNetfilterError { () throws(NetlinkError) in try PodNetwork.prepare(ruleset, in: namespace) }
    try backend.apply(ruleset, in: namespace)
    try asNetfilterError { () throws(NetlinkError) in try PodNetwork.cleanUp(after: ruleset, in: namespace) }
  }

  /// Takes the redirect away; a namespace without one is left as it is.
  package static func remove(
    from namespace: borrowing NetworkNamespace, with backend: any Backend = NftablesBackend()
  ) throws(NetfilterError) {
    try backend.remove(from: namespace)
    try asNetfilterError { () throws(NetlinkError) in try PodNetwork.cleanUp(after: nil, in: namespace) }
  }

  /// What in the namespace is not as `ruleset` wants it; empty if all is well.
  package static func drift(
    from ruleset: Ruleset, in namespace: borrowing NetworkNamespace, with backend: any Backend = NftablesBackend()
  ) throws(NetfilterError) -> [Difference] {
    let rules = try backend.drift(from: ruleset, in: namespace)
    return try rules
      + asNetfilterError { () throws(NetlinkError) in try PodNetwork.drift(from: ruleset, in: namespace) }
  }
}
