/// A version of the CNI specification that this module reads and writes, oldest first.
///
/// Only the exact spelling counts: `1.0` and `v1.0.0` are no versions.
package enum SpecVersion: String, CaseIterable, Sendable {
  case v0_1_0 = "0.1.0"
  case v0_2_0 = "0.2.0"
  case v0_3_0 = "0.3.0"
  case v0_3_1 = "0.3.1"
  case v0_4_0 = "0.4.0"
  case v1_0_0 = "1.0.0"
  case v1_1_0 = "1.1.0"

  /// Every supported version, oldest first.
  package static let allSupported = allCases

  /// The version to speak when the other side's is unknown.
  package static let newest = v1_1_0

  /// The version of a configuration that names none.
  ///
  /// Source: containernetworking/cni `pkg/version`; the specification's upgrade guide says 0.2.0, of the same shape.
  package static let assumed = v0_1_0
}

extension SpecVersion: Comparable {
  package static func < (left: SpecVersion, right: SpecVersion) -> Bool {
    // Every component has one digit, so the order of the texts is the order of the versions.
    left.rawValue < right.rawValue
  }
}

extension SpecVersion {
  /// Whether results hold lists (`ips`, `interfaces`, `routes`) instead of one object a family (`ip4`, `ip6`).
  var listsAddresses: Bool { self >= .v0_3_0 }

  /// Whether each member of `ips` states its family as `version`. 1.0.0 dropped that.
  var statesAddressFamily: Bool { listsAddresses && self < .v1_0_0 }

  /// Whether interfaces and routes may have the fields that 1.1.0 added.
  var hasExtendedFields: Bool { self >= .v1_1_0 }
}
