import CNI
import Conformance
import Harness
import JSON
import System
import Testing

extension ConformanceRuns {
  /// Our plugin before the suite, as a plugin author would run it.
  @Suite struct OwnPluginTests {
    @Test("cni-conformance reports no failure for our plugin")
    func passes() async throws {
      var outcome = try await onOwnThread { try Self.run([]) }
      let report = try JSONValue(parsing: outcome.standardOutput)
      let results = try #require(report["results"]?.array)
      #expect(Set(results.compactMap { $0["id"]?.string }).count == 255)
      print("cni-conformance: istio-cni: \(report["summary"]?.string ?? "no summary")")

      var failures = results.filter(Self.isFailure)
      if !failures.isEmpty {
        // As in `ConformanceRuns.run`: what does not come again was the machine's.
        let ids = Set(failures.compactMap { $0["id"]?.string }).sorted()
        print("again: \(ids.joined(separator: ", "))")
        outcome = try await onOwnThread { try Self.run(["--jobs", "1"] + ids.flatMap { ["--case", $0] }) }
        failures = (try JSONValue(parsing: outcome.standardOutput)["results"]?.array ?? []).filter(Self.isFailure)
      }
      for failure in failures { Issue.record("\(failure.text())") }
      #expect(outcome.status == .exited(0))
    }

    private static func isFailure(_ result: JSONValue) -> Bool {
      result["result"] == "fail" || result["result"] == "broken"
    }

    private static func run(_ options: [String]) throws -> ChildOutcome {
      try CommandLineTests.run(
        ["--plugin", "\(try executableFolder())/istio-cni", "--manifest", SubjectFixture("istio-cni").manifestPath]
          + ["--format", "json"] + options)
    }
  }
}
