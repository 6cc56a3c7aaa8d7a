/// All cases, in the order of their chapters.
package enum Catalogue {
  package static let cases: [ConformanceCase] =
    invocationCases + deletionCases + delegationCases + concurrencyCases + faultCases

  /// The cases that judge everything that a plugin has answered in the whole run.
  static let verdictsOverAll: Set = ["INV-06", "ADD-18"]
}
