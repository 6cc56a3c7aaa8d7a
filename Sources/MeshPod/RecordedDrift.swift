package import Netfilter
import Redirect
package import System

extension AttachmentRecord {
  /// What in a namespace is not as the ADD made it.
  package struct Drift: Sendable, Equatable {
    /// Empty if all is well.
    package let differences: [Difference]
    /// Whether every rule was compared. Another version's rules are as good as ours, for as long as the pod runs; only
    /// that they are there can be told.
    package let isComplete: Bool
  }

  /// Compares what is in the namespace with what the record tells. Changes nothing.
  ///
  /// - Parameter backend: the one that the ADD used.
  package func drift(
    in namespace: borrowing NetworkNamespace, with backend: any Backend
  ) throws(NetfilterError) -> Drift {
    var ruleset = Ruleset(policy, hasIPv6: hasIPv6)
    if ruleset.digest == digest {
      return Drift(
        differences: try PodRedirect.drift(from: ruleset, in: namespace, with: backend), isComplete: true)
    }
    ruleset.chains.removeAll { !chainNames.contains($0.name) }
    return Drift(
      differences: try PodRedirect.drift(from: ruleset, in: namespace, with: backend).filter(\.isMissingWhole),
      isComplete: false)
  }

  /// The back end that the ADD used; nil for one that this version does not know.
  ///
  /// - Parameter programFolders: where programs are looked for, should it need any.
  package func usedBackend(programFolders: [String]) -> (any Backend)? {
    switch backend {
    case "nftables": NftablesBackend()
    case "iptables": IptablesBackend(folders: programFolders)
    default: nil
    }
  }
}
