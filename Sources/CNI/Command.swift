/// A verb of the CNI protocol, the value of `CNI_COMMAND`.
package enum Command: String, CaseIterable, Sendable {
  case ADD, DEL, CHECK, GC, STATUS, VERSION

  /// The first version of the specification that has this verb.
  package var introduced: SpecVersion {
    switch self {
    case .ADD, .DEL: .v0_1_0
    case .VERSION: .v0_2_0
    case .CHECK: .v0_4_0
    case .GC, .STATUS: .v1_1_0
    }
  }

  /// Checks that a configuration of `version` may ask for this verb.
  ///
  /// - Throws: code 1; a runtime then falls back to what the version has.
  package func require(in version: SpecVersion) throws(Failure) {
    guard version >= introduced else {
      throw Failure(
        code: .incompatibleVersion,
        message: "cannot run \(rawValue) for a configuration of CNI version \(version.rawValue)",
        details: "\(rawValue) exists from \(introduced.rawValue) on; raise cniVersion in the network configuration")
    }
  }

  /// Whether the verb is about one interface of one container.
  var concernsAttachment: Bool {
    switch self {
    case .ADD, .DEL, .CHECK: true
    case .GC, .STATUS, .VERSION: false
    }
  }

  /// The variables that the verb cannot do without.
  var requiredVariables: [String] {
    switch self {
    case .ADD, .CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]
    // It must work after the namespace is gone.
    case .DEL: ["CNI_CONTAINERID", "CNI_IFNAME"]
    case .GC: ["CNI_PATH"]
    case .STATUS, .VERSION: []
    }
  }
}
