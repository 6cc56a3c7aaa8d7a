import Netlink
import Redirect
package import System

/// Which back end serves a namespace.
package struct BackendSelection: Sendable {
  package enum Preference: String, Sendable, CaseIterable {
    /// nf_tables over netlink, or iptables where the kernel makes no NAT chain for both families.
    case auto
    case nftables
    case iptables
  }

  private let preference: Preference
  private let nftables: any Backend
  private let iptables: any Backend

  package init(_ preference: Preference, nftables: any Backend = NftablesBackend(), iptables: any Backend) {
    self.preference = preference
    self.nftables = nftables
    self.iptables = iptables
  }

  /// A back end and why it is the one, a half sentence for the log.
  package struct Choice: Sendable {
    package let backend: any Backend
    package let reason: String
  }

  /// Asks the kernel, unless the configuration has settled it.
  private func choose(in namespace: borrowing NetworkNamespace) throws(NetfilterError) -> Choice {
    switch preference {
    case .nftables: return Choice(backend: nftables, reason: "configured")
    case .iptables: return Choice(backend: iptables, reason: "configured")
    case .auto:
      guard let refusal = try nftables.refusal(in: namespace) else {
        return Choice(backend: nftables, reason: "the kernel can")
      }
      return Choice(backend: iptables, reason: "the kernel refused nf_tables: \(refusal)")
    }
  }

  /// Does something with the back end that serves the namespace. Nearly every kernel can do the first choice, so it is
  /// tried, and the kernel is asked only if that fails.
  ///
  /// - Throws: the error of the back end that was chosen.
  package func attempt(
    in namespace: borrowing NetworkNamespace,
    _ body: (any Backend, borrowing NetworkNamespace) throws(NetfilterError) -> Void
  ) throws(NetfilterError) -> Choice {
    let first = preference == .auto ? Choice(backend: nftables, reason: "the kernel can") : try choose(in: namespace)
    do throws(NetfilterError) {
      try body(first.backend, namespace)
      return first
    } catch let error where error.code == .netlink && preference == .auto {
      let choice = try choose(in: namespace)
      if choice.backend.name == first.backend.name { throw error }
      try body(choice.backend, namespace)
      return choice
    }
  }
}
