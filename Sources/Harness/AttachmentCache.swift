import CNI
import JSON
import Synchronization

/// What a runtime remembers of its ADDs until the DEL, as libcni does in `/var/lib/cni/results`.
package final class AttachmentCache: Sendable {
  /// One successful ADD.
  struct Entry: Sendable {
    let list: NetworkList
    let parameters: AttachmentParameters
    let result: JSONObject

    var attachment: Attachment {
      Attachment(containerID: parameters.containerID, interfaceName: parameters.interface)
    }

    /// The result in a list's version, which may have changed since; nil if it cannot be said in that.
    func result(for list: NetworkList) -> JSONObject? {
      guard list.version != self.list.version else { return result }
      guard let version = SpecVersion(rawValue: list.version) else { return nil }
      // Without a result, as libcni goes on.
      return try? AttachmentResult(previous: result, version: version).rendered(as: version)
    }
  }

  private let entries = Mutex<[Entry]>([])

  package init() {}

  func insert(_ entry: Entry) {
    remove(entry.attachment, network: entry.list.name)
    entries.withLock { $0.append(entry) }
  }

  /// The entry of an attachment in one network.
  func entry(_ attachment: Attachment, network: String) -> Entry? {
    entries(of: network).first { $0.attachment == attachment }
  }

  /// The entry of an attachment in whichever network it was made.
  func entry(_ attachment: Attachment) -> Entry? {
    entries.withLock { $0.first { $0.attachment == attachment } }
  }

  /// A network's entries, oldest first.
  func entries(of network: String) -> [Entry] {
    entries.withLock { $0.filter { $0.list.name == network } }
  }

  func remove(_ attachment: Attachment, network: String) {
    entries.withLock { $0.removeAll { $0.list.name == network && $0.attachment == attachment } }
  }

  /// Forgets everything, as a node does whose disk was replaced.
  package func removeAll() {
    entries.withLock { $0 = [] }
  }
}
