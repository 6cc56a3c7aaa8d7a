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

  /// Whether an ADD can have had these names, so that both are safe as parts of a path.
  package var hasValidNames: Bool {
    NameRule.allowsIdentifier(containerID) && NameRule.allowsInterface(interfaceName)
  }
}

extension NetworkConfiguration {
  /// Reads the attachments that GC must leave alone; nil when the runtime does not say, so that nothing may be removed.
  ///
  /// The 1.1.0 text calls the key `cni.dev/attachments`, later ones `cni.dev/valid-attachments`; libcni sends both,
  /// and `cnitool gc` neither.
  ///
  /// - Throws: code 7 for anything but a list of objects with both names: who cannot read what is valid must not
  ///   remove anything.
  package func validAttachments() throws(Failure) -> Set<Attachment>? {
    for key in ["cni.dev/valid-attachments", "cni.dev/attachments"] {
      guard let value = object[key] else { continue }
      guard let elements = value.array else { throw Self.malformed(key, value) }
      var attachments: Set<Attachment> = []
      for element in elements {
        guard let containerID = element["containerID"]?.string, let interfaceName = element["ifname"]?.string else {
          throw Self.malformed(key, element)
        }
        attachments.insert(Attachment(containerID: containerID, interfaceName: interfaceName))
      }
      return attachments
    }
    return nil
  }

  private static func malformed(_ key: String, _ value: JSONValue) -> Failure {
    Failure(
      code: .invalidConfiguration,
      message: "configuration key \(key.quoted()) is no list of attachments: \(value.excerpt(to: 24))",
      details: "each has a \"containerID\" and an \"ifname\", both strings; nothing was removed")
  }
}
