import CNI
import JSON

extension LabNode {
  /// GC as the reference library asks for it, with the list of valid attachments under its new key and its old one.
  ///
  /// - Parameters:
  ///   - valid: Containers, attached by the manifest's interface.
  ///   - keys: Where the list stands.
  func collection(keeping valid: [Container], under keys: [String] = AttachmentListKey.both) -> Call {
    var call = Call(.GC, to: lab.subject, in: lab.version)
    let list = valid.map { container -> JSONValue in
      ["containerID": .string(container.id), "ifname": .string(lab.manifest.interface)]
    }
    for key in keys { call.configuration[key] = .array(list) }
    return call
  }

  /// Makes an attachment whose namespace then ends, without DEL.
  @discardableResult
  func staleAttachment() throws -> Container {
    let container = try container()
    try container.add()
    try container.remove()
    return container
  }
}

/// Keys of the list of valid attachments.
enum AttachmentListKey {
  static let current = "cni.dev/valid-attachments"
  /// Of the text tagged spec-v1.1.0.
  static let old = "cni.dev/attachments"
  static let both = [current, old]
}
