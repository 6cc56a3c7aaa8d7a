package import Netlink
package import Redirect
import SystemPackage
package import System

/// nf_tables over netlink: one table of the `inet` family, replaced in one transaction.
package struct NftablesBackend: Backend {
  package init() {}

  package var name: String { "nftables" }

  package func apply(_ ruleset: Ruleset, in namespace: borrowing NetworkNamespace) throws(NetfilterError) {
    try asNetfilterError { () throws(NetlinkError) in
      try apply(ruleset, through: try NetlinkSocket.open(.netfilter, in: namespace))
    }
  }

  package func apply(
    _ ruleset: Ruleset, in namespace: borrowing NetworkNamespace, through sockets: borrowing NamespaceSockets
  ) throws(NetfilterError) {
    switch sockets.netfilter {
    case .some(let netfilter):
      try asNetfilterError { () throws(NetlinkError) in try apply(ruleset, through: netfilter) }
    case .none: try apply(ruleset, in: namespace)
    }
  }

  private func apply(_ ruleset: Ruleset, through netfilter: borrowing NetlinkSocket) throws(NetlinkError) {
    // A fresh pod has no table. Deleting one, even the one just added, would make the kernel wait for an RCU grace
    // period when the socket is closed (nft_rcv_nl_event, net/netfilter/nf_tables_api.c): 10 ms, longer than all the
    // rest of an ADD.
    do throws(NetlinkError) {
      try netfilter.send(NftablesBatch.creating(ruleset))
    } catch let error where error.errno == .fileExists {
      try netfilter.send(NftablesBatch.replacing(with: ruleset))
    }
  }

  package func remove(from namespace: borrowing NetworkNamespace) throws(NetfilterError) {
    try asNetfilterError { () throws(NetlinkError) in
      let netfilter = try NetlinkSocket.open(.netfilter, in: namespace)
      do throws(NetlinkError) {
        try netfilter.send(NftablesBatch.removal())
      } catch let error where error.errno == .noSuchFileOrDirectory {}
    }
  }

  package func drift(
    from ruleset: Ruleset, in namespace: borrowing NetworkNamespace
  ) throws(NetfilterError) -> [Difference] {
    try asNetfilterError { () throws(NetlinkError) in
      let netfilter = try NetlinkSocket.open(.netfilter, in: namespace)
      return NftablesTable(ruleset).differences(in: try NftablesTable(through: netfilter))
    }
  }

  /// Asks for a NAT chain of the `inet` family, which kernels make since 5.2 if they have nf_tables and its NAT: with a
  /// table of its own, made and deleted in one transaction.
  package func refusal(in namespace: borrowing NetworkNamespace) throws(NetfilterError) -> NetlinkError? {
    try asNetfilterError { () throws(NetlinkError) in
      let netfilter = try NetlinkSocket.open(.netfilter, in: namespace)
      do throws(NetlinkError) {
        try netfilter.send(NftablesBatch.probing())
        return nil
      } catch let error where error.code == .kernel {
        return error
      }
    }
  }
}

extension NftablesBackend {
  /// Asks nf_tables for our table in the namespace of the calling thread. Whether there is one does not matter: nothing
  /// is changed, and the kernel has it or not.
  ///
  /// - Throws: why there was no answer.
  package func requireKernel() throws(NetfilterError) {
    try asNetfilterError { () throws(NetlinkError) in
      _ = try NftablesTable.table(through: try NetlinkSocket.open(.netfilter))
    }
  }

  /// Whether this program reads back what it writes: what of the messages that make `ruleset` differs from it to the
  /// reader that audits pods. Asks nobody; empty if the program is sound.
  package func selfCheck(_ ruleset: Ruleset) throws(NetfilterError) -> [Difference] {
    try asNetfilterError { () throws(NetlinkError) in
      NftablesTable(ruleset).differences(in: try NftablesTable(NftablesBatch.creating(ruleset)))
    }
  }
}

/// Makes the errors of `Netlink` ours.
func asNetfilterError<R: ~Copyable>(_ body: () throws(NetlinkError) -> R) throws(NetfilterError) -> R {
  do throws(NetlinkError) {
    return try body()
  } catch {
    throw NetfilterError(error)
  }
}
