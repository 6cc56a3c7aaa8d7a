/// What the model plugin can be, by the value of its configuration key `role`.
package enum ModelRole: String, CaseIterable, Sendable {
  case main, chained, redirect, ipam
}

/// A case of the catalogue, and a fault that it must catch.
package struct FaultRow: Sendable {
  /// The id in the catalogue: `INV-01`.
  package let caseID: String
  package let fault: Fault
  /// The roles in each of which the fault is one against this case.
  package let roles: [ModelRole]
  /// The version of the specification to ask in; nil where the case chooses, or any will do.
  package let version: String?

  init(_ caseID: String, _ fault: Fault, _ roles: ModelRole..., version: String? = nil) {
    self.caseID = caseID
    self.fault = fault
    self.roles = roles
    self.version = version
  }
}

/// For each case of the catalogue a plugin that it must fail: a case that no broken plugin can fail is none.
package enum FaultTable {
  /// In the order of the catalogue, with a row for each case.
  package static let rows: [FaultRow] =
    invocation + configuration + versions + addition + chaining + deletion + checking + collection + status
    + addresses + delegation + capabilities + concurrency + mishaps + redirection
}
