/// All cases, in the order of their chapters.
package enum Catalogue {
  package static let cases: [ConformanceCase] =
    invocationCases + configurationCases + versionCases + additionCases + chainCases + deletionCases + checkCases
    + collectionCases + statusCases + addressManagementCases + delegationCases + capabilityCases + concurrencyCases
    + faultCases + redirectCases

  /// The cases that judge everything that a plugin has answered in the whole run.
  static let verdictsOverAll: Set = ["INV-06", "ADD-18"]
}

extension Catalogue {
  /// The cases of these ids and chapters, in the catalogue's order; all if none is named.
  ///
  /// - Throws: `ManifestError` for a name that is neither.
  package static func select(_ names: [String]) throws -> [ConformanceCase] {
    if names.isEmpty { return cases }
    let isMeant = { (name: String, id: String) in id == name || id.hasPrefix("\(name)-") }
    for name in names where !cases.contains(where: { isMeant(name, $0.id) }) {
      throw ManifestError(description: "there is no case or chapter \(name)")
    }
    return cases.filter { testCase in names.contains { isMeant($0, testCase.id) } }
  }
}
