import CNI
import JSON
import Netfilter
import Redirect
import System

extension Request {
  /// CHECK: compares the pod's redirect with the one that ADD made, which its record tells. Changes nothing.
  ///
  /// Neither the pod object nor `prevResult` counts: labels change at run time, and plugins after us change the result
  /// as they must.
  ///
  /// - Throws: code 105 with every difference.
  mutating func check(_ invocation: Invocation, _ network: NetworkConfiguration) throws(Failure) {
    let options = try PluginConfiguration(network)
    adopt(options)
    guard network.previousResult != nil else {
      throw Failure(
        code: .invalidConfiguration, message: "cannot CHECK without prevResult",
        details: "the runtime must hand over the result of the ADD; a retry does not help")
    }
    _ = try AttachmentResult(previous: network.previousResult, version: network.version)
    guard let (record, backend) = recorded(AttachmentRecords.Key(network.name, invocation), options) else { return }
    log["pod"] = .string(record.pod.description)
    log["backend"] = .string(backend.name)

    let namespace = try enter(invocation.namespacePath ?? "", record.pod, allowsOwn: invocation.allowsOwnNamespace)
    let differences: [Difference]
    do throws(NetfilterError) {
      differences = try self.differences(from: record, in: namespace, backend)
    } catch {
      throw Failure(error, reading: record.pod)
    }
    guard differences.isEmpty else {
      log["decision"] = "drift"
      throw Failure(differences, of: record.pod)
    }
    log["decision"] = "intact"
  }

  /// The record to judge by, with the back end that the ADD used; nil, with a reason in the log, if there is nothing to
  /// judge.
  private mutating func recorded(
    _ key: AttachmentRecords.Key, _ options: PluginConfiguration
  ) -> (AttachmentRecord, any Backend)? {
    log["decision"] = "skip"
    guard let runDirectory = options.runDirectory else {
      log["reason"] = "without \"cni_agent_run_dir\" no pod is redirected"
      return nil
    }
    switch AttachmentRecords(runDirectory).read(key) {
    case .nothing: log["reason"] = "no redirect of this attachment is on record"
    case .unusable(let reason):
      log.raise(to: .warn)
      log["reason"] = .string("nothing usable is on record: \(reason)")
    case .record(let record):
      if let backend = backend(named: record.backend) { return (record, backend) }
      log.raise(to: .warn)
      log["reason"] = .string("nothing usable is on record: unknown back end \(record.backend)")
    }
    return nil
  }

  private mutating func differences(
    from record: AttachmentRecord, in namespace: borrowing NetworkNamespace, _ backend: any Backend
  ) throws(NetfilterError) -> [Difference] {
    var ruleset = Ruleset(record.policy, hasIPv6: record.hasIPv6)
    if ruleset.digest == record.digest {
      log["reason"] = "compared with what ADD made"
      return try PodRedirect.drift(from: ruleset, in: namespace, with: backend)
    }
    // Another version's rules are as good as ours, for as long as the pod runs; only that they are there can be told.
    log["reason"] = "made by a version that makes other rules of the same settings: only their presence was checked"
    ruleset.chains.removeAll { !record.chainNames.contains($0.name) }
    return try PodRedirect.drift(from: ruleset, in: namespace, with: backend).filter(\.isMissingWhole)
  }

  private func backend(named name: String) -> (any Backend)? {
    switch name {
    case "nftables": NftablesBackend()
    case "iptables": IptablesBackend(folders: programFolders)
    default: nil
    }
  }
}
