import JSON

/// One interface of one container, the unit that ADD makes and DEL takes away.
package struct Attachment: Hashable, Sendable {
  /// `CNI_CONTAINERID` of the ADD.
  package let containerID: String

  /// `CNI_IFNAME` of the ADD.
  package let interfaceName: String

  /// Names the interface `interfaceName` of the container `containerID`.
  package init(containerID: String, interfaceName: String) {
    self.containerID = containerID
    self.interfaceName = interfaceName
  }
}

extension NetworkConfiguration {
  /// The attachments that GC must leave alone; nil when the runtime did not say, or not clearly, so that nothing may
  /// be removed.
  ///
  /// The 1.1.0 text calls the key `cni.dev/attachments`, later ones `cni.dev/valid-attachments`; libcni sends both,
  /// and `cnitool gc` neither.
  package var validAttachments: Set<Attachment>? {
    let list = object["cni.dev/valid-attachments"] ?? object["cni.dev/attachments"]
    guard let elements = list?.array else { return nil }
    var attachments: Set<Attachment> = []
    for element in elements {
      guard let containerID = element["containerID"]?.string, let interfaceName = element["ifname"]?.string else {
        return nil
      }
      attachments.insert(Attachment(containerID: containerID, interfaceName: interfaceName))
    }
    return attachments
  }
}
