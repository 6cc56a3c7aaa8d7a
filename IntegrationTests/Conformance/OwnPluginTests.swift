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
      let report = try await onOwnThread { try Self.report([]) }
      let results = try #require(report["results"]?.array)
      #expect(Set(results.compactMap { $0["id"]?.string }).count == 255)
      print("cni-conformance: istio-cni: \(report["summary"]?.string ?? "no summary")")

      var failures = results.filter(Self.isFailure)
      if !failures.isEmpty {
        // As in `run`: what does not come again was the machine's.
        let ids = Set(failures.compactMap { $0["id"]?.string }).sorted()
        print("again: \(ids.joined(separator: ", "))")
        let again = try await onOwnThread { try Self.report(["--jobs", "1"] + ids.flatMap { ["--case", $0] }) }
        failures = (again["results"]?.array ?? []).filter(Self.isFailure)
      }
      for failure in failures { Issue.record("\(failure.text())") }
    }

    private static func isFailure(_ result: JSONValue) -> Bool {
      result["result"] == "fail" || result["result"] == "broken"
    }

    private static func report(_ options: [String]) throws -> JSONValue {
      let folder = try executableFolder()
      let outcome = try runChild(
        "\(folder)/cni-conformance",
        arguments: [
          "--plugin", "\(folder)/istio-cni", "--manifest", SubjectFixture("istio-cni").manifestPath, "--format", "json",
        ] + options,
        environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], timeLimit: .seconds(900))
      return try JSONValue(parsing: outcome.standardOutput)
    }
  }
}
