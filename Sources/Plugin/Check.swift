import CNI
import JSON
import MeshPod
import Netfilter
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
      let drift = try record.drift(in: namespace, with: backend)
      log["reason"] =
        drift.isComplete
        ? "compared with what ADD made"
        : "made by a version that makes other rules of the same settings: only their presence was checked"
      differences = drift.differences
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
      if let backend = record.usedBackend(programFolders: programFolders) { return (record, backend) }
      log.raise(to: .warn)
      log["reason"] = .string("nothing usable is on record: unknown back end \(record.backend)")
    }
    return nil
  }
}
