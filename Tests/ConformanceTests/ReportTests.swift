import JSON
import Testing

@testable import CNI
@testable import Conformance

@Suite struct ReportTests {
  static func testCase(_ id: String, _ requirement: Requirement = .must) -> ConformanceCase {
    ConformanceCase(
      id, requirement, [.chained], [.add, .error], stimulus: "ADD with <a> & \"b\" #1", expectation: "exit status 0"
    ) { _ in }
  }

  static func report(_ testCase: ConformanceCase, _ finding: Finding) -> CaseReport {
    CaseReport(testCase: testCase, version: .v1_0_0, finding: finding, duration: .milliseconds(1042))
  }

  static let report = Report(
    plugin: "portmap", role: .chained,
    cases: [
      report(testCase("INV-01"), .passed),
      report(testCase("INV-02"), .failed(observed: "exited(1), \u{1}nothing\nelse")),
      report(testCase("INV-03", .should), .failed(observed: "silence")),
      report(testCase("INV-04"), .inapplicable("no delegate")),
      report(testCase("INV-05"), .broken("no ip program")),
    ])

  @Test("a table has a line a case, what went wrong below it, and totals")
  func table() {
    let lines = Self.report.text(.table).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "RESULT      CASE    VERSION CLASS   SECONDS STIMULUS")
    #expect(lines[1] == #"pass        INV-01  1.0.0   MUST    1.042   ADD with <a> & "b" #1"#)
    #expect(lines[2].hasPrefix("FAIL        INV-02"))
    #expect(lines[3] == "    expected: exit status 0")
    #expect(lines[4].hasPrefix("    observed: exited(1)"))
    #expect(lines.contains("    see:      Section 2: ADD; Section 5: Error"))
    #expect(
      lines.suffix(2).first
        == "portmap: 5 cases in 5 runs: 1 passed, 2 failed (1 MUST, 1 SHOULD), 1 could not be run, 1 not applicable")
  }

  @Test("JSON holds every result")
  func json() throws {
    let json = try JSONValue(parsing: Array(Self.report.text(.json).utf8))
    #expect(json["plugin"] == "portmap")
    let results = try #require(json["results"]?.array)
    #expect(results.map { $0["result"]?.string } == ["pass", "fail", "fail", "n/a", "broken"])
    #expect(results[1]["observation"]?.string == "exited(1), \u{1}nothing\nelse")
    #expect(results[1]["sections"] == ["Section 2: ADD", "Section 5: Error"])
    #expect(results[3]["reason"] == "no delegate")
    #expect(results[0]["milliseconds"] == 1042)
  }

  @Test("JUnit counts, and escapes what XML cannot hold")
  func junit() {
    let text = Self.report.text(.junit)
    #expect(text.contains(#"tests="5" failures="2" errors="1" skipped="1""#))
    #expect(text.contains(#"name="INV-01 (1.0.0) ADD with &lt;a&gt; &amp; &quot;b&quot; #1""#))
    #expect(text.contains("observed: exited(1), \u{FFFD}nothing&#10;else</failure>"))
    #expect(text.contains(#"<skipped message="no delegate"/>"#))
    #expect(text.contains(#"<error message="no ip program"/>"#))
  }

  @Test("TAP fails what is fatal, and lists what is not as to do")
  func tap() {
    let lines = Self.report.text(.tap).split(separator: "\n")
    #expect(lines.prefix(2) == ["TAP version 14", "1..5"])
    #expect(lines[2] == ##"ok 1 - INV-01 (1.0.0) ADD with <a> & "b" \#1"##)
    #expect(lines.contains { $0.hasPrefix("not ok 2 - INV-02") && !$0.contains("TODO") })
    #expect(lines.contains { $0.hasPrefix("not ok 3 - INV-03") && $0.hasSuffix("# TODO SHOULD") })
    #expect(lines.contains { $0.hasPrefix("ok 4") && $0.hasSuffix("# SKIP no delegate") })
    #expect(lines.contains { $0.hasPrefix("not ok 5") && !$0.contains("TODO") })
  }

  @Test("failed MUSTs and cases that could not be run are fatal, and nothing else")
  func fatal() {
    #expect(Self.report.cases.map(\.isFatal) == [false, true, false, false, true])
  }
}
