import CNI
import JSON

/// How results are printed.
package enum ReportFormat: String, Sendable, CaseIterable {
  case table
  case json
  case junit
  case tap
}

/// The results of a run.
package struct Report: Sendable {
  let subject: Subject
  package let cases: [CaseReport]

  package init(subject: Subject, cases: [CaseReport]) {
    self.subject = subject
    self.cases = cases
  }

  package func text(_ format: ReportFormat) -> String {
    switch format {
    case .table: table
    case .json: table
    case .junit: table
    case .tap: table
    }
  }

  private var table: String {
    var lines: [String] = []
    for report in cases {
      let (word, more): (String, String?) =
        switch report.finding {
        case .passed: ("pass", nil)
        case .failed(let observed): ("FAIL", "expected: \(report.testCase.expectation)\n      observed: \(observed)")
        case .inapplicable(let reason): ("n/a ", reason)
        case .undecidable(let reason): ("open", reason)
        case .broken(let reason): ("BROKEN", reason)
        }
      lines.append(
        "\(word)  \(report.testCase.id) \(report.version?.rawValue ?? "")  \(report.testCase.requirement.rawValue)  \(report.testCase.stimulus)  (\(report.duration))"
      )
      if let more { lines.append("      \(more)") }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Catalogue {
  /// Cases by their ids, or those of whole chapters; all if none is named.
  package static func select(_ names: [String]) throws -> [ConformanceCase] {
    if names.isEmpty { return cases }
    for name in names where !cases.contains(where: { $0.id == name || $0.id.hasPrefix("\(name)-") }) {
      throw ManifestError(description: "there is no case \(name)")
    }
    return cases.filter { testCase in names.contains { testCase.id == $0 || testCase.id.hasPrefix("\($0)-") } }
  }
}
