import Conformance
import Testing

/// Runs of the conformance suite, one after the other: each of them fills the machine, and much of what they judge is how
/// calls that overlap get along.
@Suite(.requires(.namespaces), .tags(.root), .serialized, .timeLimit(.minutes(40)))
enum ConformanceRuns {}

extension ConformanceRuns {
  /// Runs the suite, and once more, one at a time, the cases that came out otherwise than they should: what does not
  /// come again was the machine's. Which those are is printed.
  static func run(_ subject: Subject, isAsItShould: (CaseReport) throws -> Bool) throws -> [CaseReport] {
    var reports = try Suite(subject, jobs: 4).run()
    let doubtful = Set(try reports.filter { try !isAsItShould($0) }.map(\.testCase.id))
    if doubtful.isEmpty { return reports }
    print("again: \(doubtful.sorted().joined(separator: ", "))")
    let again = try Suite(subject, cases: try Catalogue.select(doubtful.sorted()), jobs: 1).run()
    reports.removeAll { doubtful.contains($0.testCase.id) }
    return reports + again
  }
}
