package import Netlink
package import Redirect
import SystemPackage
package import System

/// Puts rulesets into pods and takes them out.
package enum PodRedirect {
  /// Replaces whatever redirect the namespace has by `ruleset`.
  ///
  /// First what is harmless alone, the addresses on `lo`; then one transaction for all that steers traffic, of both
  /// families. A process killed at any point leaves all of the rules or none.
  ///
  /// - Throws: the first thing the kernel refused; no rule was applied then.
  package static func apply(
    _ ruleset: Ruleset, in namespace: borrowing NetworkNamespace
  ) throws(NetlinkError) {
    if !ruleset.localAddresses.isEmpty {
      let route = try NetlinkSocket.open(.route, in: namespace)
      for address in ruleset.localAddresses {
        try add(address, through: route)
      }
    }
    // A fresh pod has no table. Deleting one, even the one just added, would make the kernel wait for an RCU grace
    // period when the socket is closed (nft_rcv_nl_event, net/netfilter/nf_tables_api.c): 10 ms, longer than all the
    // rest of an ADD.
    let netfilter = try NetlinkSocket.open(.netfilter, in: namespace)
    do throws(NetlinkError) {
      try netfilter.send(NftablesBatch.creating(ruleset))
    } catch let error where error.errno == .fileExists {
      try netfilter.send(NftablesBatch.replacing(with: ruleset))
    }
  }

  /// Takes the redirect away; a namespace without one is left as it is.
  package static func remove(from namespace: borrowing NetworkNamespace) throws(NetlinkError) {
    let netfilter = try NetlinkSocket.open(.netfilter, in: namespace)
    do throws(NetlinkError) {
      try netfilter.send(NftablesBatch.removal())
    } catch let error where error.errno == .noSuchFileOrDirectory {
      return
    }
  }

  private static func add(_ address: LocalAddress, through socket: borrowing NetlinkSocket) throws(NetlinkError) {
    do throws(NetlinkError) {
      try Addresses.add(address.prefix.description, to: .loopback, through: socket, existing: .accept)
    } catch {
      // EACCES: IPv6 is off for `lo` (net.ipv6.conf.lo.disable_ipv6). EOPNOTSUPP: it is off in this kernel. A pod
      // without IPv6 addresses has no IPv6 traffic that could miss this one.
      let isUnavailable = error.errno == .permissionDenied || error.errno == .notSupported
      if address.isRequired || !isUnavailable { throw error }
    }
  }
}
