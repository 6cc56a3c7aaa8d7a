import MeshPod
import Netfilter
import Redirect
import System

/// The rules that a pod should have, the back end that makes them, and what in its namespace is not so.
struct WantedRedirect {
  let ruleset: Ruleset
  let backend: any Backend
  let differences: [Difference]

  /// - Parameter record: of the ADD, which counts before everything else.
  init(
    _ pod: MeshedPod, _ record: AttachmentRecord?, _ preference: BackendSelection.Preference,
    _ programFolders: [String], in namespace: borrowing NetworkNamespace
  ) throws(NetfilterError) {
    if let record {
      guard let backend = record.usedBackend(programFolders: programFolders) else {
        throw NetfilterError(.program, "the record names the back end \(record.backend), which is not known")
      }
      self.backend = backend
      ruleset = Ruleset(record.policy, hasIPv6: record.hasIPv6)
      differences = try record.drift(in: namespace, with: backend).differences
      return
    }
    guard case .decided(let policy) = pod.wish else {
      throw NetfilterError(.program, "it is not known how the pod should be redirected")
    }
    let ruleset = Ruleset(policy, hasIPv6: pod.addresses.contains { $0.family == .v6 })
    var differences: [Difference] = []
    let selection = BackendSelection(preference, iptables: IptablesBackend(folders: programFolders))
    let choice = try selection.attempt(in: namespace) { (backend, namespace) throws(NetfilterError) in
      differences = try PodRedirect.drift(from: ruleset, in: namespace, with: backend)
    }
    self.ruleset = ruleset
    backend = choice.backend
    self.differences = differences
  }

  var state: AuditFinding.State {
    if differences.isEmpty { return .ok }
    let isGone =
      backend.name == "nftables"
      ? differences.contains { $0.kind == .missing && $0.object.hasPrefix("table ") }
      : differences.allSatisfy { $0.kind == .missing } && differences.contains(where: \.isMissingWhole)
    return isGone ? .missing : .changed
  }
}
