package import CNI

/// What became of a case.
package enum Finding: Sendable, Equatable {
  case passed
  case failed(observed: String)
  /// The case says nothing about this plugin.
  case inapplicable(String)
  /// No program can decide it.
  case undecidable(String)
  /// The suite itself could not do what the case needs; nothing is known about the plugin.
  case broken(String)
}

/// A finding, and where it belongs.
package struct CaseReport: Sendable {
  package let testCase: ConformanceCase
  /// Nil for a case that was not run.
  package let version: SpecVersion?
  package let finding: Finding
  package let duration: Duration

  /// Whether it speaks against the plugin, or leaves open what must be known: the suite then exits with 1.
  package var isFatal: Bool {
    switch finding {
    case .failed: testCase.requirement == .must
    case .broken: true
    case .passed, .inapplicable, .undecidable: false
    }
  }
}

/// A plugin did something else than expected.
struct Discrepancy: Error {
  /// What it did.
  let observed: String

  init(_ observed: String) {
    self.observed = observed
  }
}

/// A case is not for this plugin.
struct Inapplicable: Error {
  let reason: String

  init(_ reason: String) {
    self.reason = reason
  }
}

/// Throws a `Discrepancy` unless the condition holds.
func expect(_ condition: Bool, _ observed: @autoclosure () -> String) throws {
  if !condition { throw Discrepancy(observed()) }
}
