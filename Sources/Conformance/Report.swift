import CNI

/// How results are printed.
package enum ReportFormat: String, Sendable, CaseIterable {
  /// For people: a line a case, what went wrong below it, and totals.
  case table
  case json
  /// JUnit's XML, which CI systems show as tests.
  case junit
  /// The Test Anything Protocol, version 14.
  case tap
}

/// The results of a run, in words for each format.
package struct Report: Sendable {
  /// The plugin's type.
  let plugin: String
  let role: Role
  package let cases: [CaseReport]

  package init(subject: Subject, cases: [CaseReport]) {
    self.init(
      plugin: subject.path.split(separator: "/").last.map { String($0) } ?? subject.path, role: subject.role,
      cases: cases)
  }

  init(plugin: String, role: Role, cases: [CaseReport]) {
    self.plugin = plugin
    self.role = role
    self.cases = cases
  }

  /// The whole report, with a newline at its end.
  package func text(_ format: ReportFormat) -> String {
    switch format {
    case .table: table
    case .json: json
    case .junit: junit
    case .tap: tap
    }
  }

  /// How many cases there are of each word, and how many failures of each class.
  var totals: String {
    let counts = Verdict.allCases.compactMap { verdict -> String? in
      let found = cases.filter { $0.verdict == verdict }
      guard !found.isEmpty else { return nil }
      guard verdict == .failed else { return "\(found.count) \(verdict.plural)" }
      let classes = Requirement.allCases.compactMap { requirement -> String? in
        let count = found.count { $0.testCase.requirement == requirement }
        return count == 0 ? nil : "\(count) \(requirement.rawValue)"
      }
      return "\(found.count) failed (\(classes.joined(separator: ", ")))"
    }
    return "\(Set(cases.map(\.testCase.id)).count) cases in \(cases.count) runs: \(counts.joined(separator: ", "))"
  }
}

/// A finding without its text.
package enum Verdict: String, CaseIterable, Sendable {
  case passed = "pass"
  case failed = "fail"
  case broken = "broken"
  case undecidable = "undecidable"
  case inapplicable = "n/a"

  var plural: String {
    switch self {
    case .passed: "passed"
    case .failed: "failed"
    case .broken: "could not be run"
    case .undecidable: "undecidable by a program"
    case .inapplicable: "not applicable"
    }
  }
}

extension CaseReport {
  package var verdict: Verdict {
    switch finding {
    case .passed: .passed
    case .failed: .failed
    case .broken: .broken
    case .undecidable: .undecidable
    case .inapplicable: .inapplicable
    }
  }

  /// What the finding has to say beside its verdict; nil if nothing.
  package var text: String? {
    switch finding {
    case .passed: nil
    case .failed(let observed): observed
    case .inapplicable(let reason), .undecidable(let reason), .broken(let reason): reason
    }
  }

  /// `INV-01 (1.1.0)`
  package var name: String { version.map { "\(testCase.id) (\($0.rawValue))" } ?? testCase.id }

  var sections: String { testCase.sections.map(\.rawValue).joined(separator: "; ") }

  var milliseconds: Int {
    let (seconds, attoseconds) = duration.components
    return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
  }

  /// With three digits behind the point.
  var seconds: String {
    "\(milliseconds / 1000).\(String(String(1000 + milliseconds % 1000).dropFirst()))"
  }
}

// MARK: - For people

extension Report {
  private var table: String {
    // Cases for plugins of other roles say nothing about this one.
    let shown = cases.filter { $0.testCase.concerns(role) }
    var lines = [row("RESULT", "CASE", "VERSION", "CLASS", "SECONDS", "STIMULUS")]
    for report in shown {
      lines.append(
        row(
          report.verdict == .failed || report.verdict == .broken
            ? report.verdict.rawValue.uppercased() : report.verdict.rawValue,
          report.testCase.id, report.version?.rawValue ?? "-", report.testCase.requirement.rawValue, report.seconds,
          report.testCase.stimulus))
      switch report.finding {
      case .passed: break
      case .failed(let observed):
        lines += [
          "    expected: \(report.testCase.expectation)", "    observed: \(observed)",
          "    see:      \(report.sections)",
        ]
      case .broken(let reason), .undecidable(let reason), .inapplicable(let reason): lines.append("    \(reason)")
      }
    }
    return (lines + ["", "\(plugin): \(totals)", ""]).joined(separator: "\n")
  }

  private func row(_ fields: String...) -> String {
    let widths = [12, 8, 8, 8, 8]
    let padded = zip(fields, widths).map { field, width in
      field + String(repeating: " ", count: max(1, width - field.count))
    }
    return padded.joined() + (fields.last ?? "")
  }
}
