import CNI
import JSON
import MeshPod
import System

extension Request {
  /// GC: removes the records of this network whose attachments the runtime does not list.
  ///
  /// It touches no namespace. What we make in one ends with it, and two runtimes may share a configuration without
  /// knowing of each other's pods (containernetworking/cni#1086): to strip a pod that lives and is not listed would open
  /// it.
  ///
  /// - Throws: code 5 with the first of the errors, after all that can be removed was.
  mutating func collectGarbage(_ network: NetworkConfiguration) throws(Failure) {
    let options = try PluginConfiguration(network)
    adopt(options)
    guard let valid = try network.validAttachments() else {
      log["decision"] = "keep"
      log["reason"] = "the runtime does not say which attachments are valid"
      return
    }
    guard let runDirectory = options.runDirectory else {
      log["decision"] = "keep"
      log["reason"] = "without \"cni_agent_run_dir\" there are no records"
      return
    }
    let (removed, failures) = AttachmentRecords(runDirectory)
      .prune(network.name, keeping: valid)
    log["decision"] = "remove"
    log["reason"] = .string("records of attachments that are not among the \(valid.count) valid ones: \(removed)")
    guard let first = failures.first else { return }
    throw Failure(
      code: .io, message: "cannot remove all records of attachments that are gone: \(failures.count) failed",
      details: "\(first); \(removed) removed; a later GC tries again")
  }
}
