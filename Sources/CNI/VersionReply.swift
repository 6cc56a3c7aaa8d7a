package import JSON

/// The answer to VERSION.
package enum VersionReply {
  /// Lists the supported versions, in the version asked.
  ///
  /// - Parameter asked: the version of the request; nil if it could not be told, which is no reason to fail.
  package static func reply(to asked: SpecVersion?) -> JSONObject {
    [
      "cniVersion": .string((asked ?? .newest).rawValue),
      "supportedVersions": .array(SpecVersion.allSupported.map { .string($0.rawValue) }),
    ]
  }
}
