import CNI
import JSON
import MeshPod
import Netfilter
import System

extension Request {
  /// DEL: removes the attachment's record, and the redirect if the namespace is still there and no other attachment of
  /// the container has one.
  ///
  /// What is in the namespace ends with it, so that nothing about it is an error: that would keep the runtime from
  /// calling the plugins before us, which have addresses to give back.
  ///
  /// - Throws: code 5, after everything else was done, if the record is there and cannot be removed. To tell the runtime
  ///   that it is gone would leave it behind for good.
  mutating func delete(_ invocation: Invocation, _ network: NetworkConfiguration) throws(Failure) {
    let key = AttachmentRecords.Key(network.name, invocation)
    // A configuration that is broken by now must not keep the pod from going.
    runDirectory = (try? network.runDirectory()) ?? nil
    let records = runDirectory.map { AttachmentRecords($0) }
    var keptRecord: SystemError?
    do throws(SystemError) {
      _ = try records?.remove(key)
    } catch {
      keptRecord = error
    }
    removeRedirect(invocation, network, records, key)
    if let keptRecord { throw Failure(keptRecord, keepingRecordOf: invocation.containerID) }
  }

  private mutating func removeRedirect(
    _ invocation: Invocation, _ network: NetworkConfiguration, _ records: AttachmentRecords?,
    _ key: AttachmentRecords.Key
  ) {
    let options = try? PluginConfiguration(network)
    if let options { adopt(options) }
    if let records, isShared(key, records) {
      log["decision"] = "keep"
      return
    }
    log["decision"] = "remove"
    guard let path = invocation.namespacePath else {
      log["reason"] = "the namespace is gone, and the redirect with it"
      return
    }
    do throws(SystemError) {
      let namespace = try NetworkNamespace.open(path)
      guard try namespace.identity != NetworkNamespace.current().identity || invocation.allowsOwnNamespace else {
        log["warning"] = "CNI_NETNS is the plugin's own namespace; nothing was removed"
        return
      }
      remove(from: namespace, options?.backend ?? .auto)
    } catch {
      log["warning"] = .string("nothing was removed: \(error)")
    }
  }

  /// Whether the redirect still serves another attachment: with several networks a runtime calls us for each interface,
  /// and the first DEL must not open the others.
  private mutating func isShared(_ key: AttachmentRecords.Key, _ records: AttachmentRecords) -> Bool {
    do throws(SystemError) {
      guard let other = try records.others(of: key).first else { return false }
      log["reason"] = .string(
        "interface \(other.attachment.interfaceName) of network \(other.network) needs the redirect")
    } catch {
      // Who cannot tell must not open a pod.
      log.raise(to: .warn)
      log["reason"] = .string("other attachments of the container may need the redirect: \(error)")
    }
    return true
  }

  private mutating func remove(
    from namespace: borrowing NetworkNamespace, _ preference: BackendSelection.Preference
  ) {
    do throws(NetfilterError) {
      _ = try backends(preference).attempt(in: namespace) { (backend, namespace) throws(NetfilterError) in
        try PodRedirect.remove(from: namespace, with: backend)
      }
    } catch {
      log.raise(to: .warn)
      log["warning"] = .string("the redirect was not removed: \(error)")
    }
  }
}
