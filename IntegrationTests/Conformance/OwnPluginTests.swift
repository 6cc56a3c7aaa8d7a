import CNI
import Conformance
import Harness
import JSON
import System
import Testing

extension ConformanceRuns {
  /// Our plugin before the suite, as a plugin author would run it.
  @Suite struct OwnPluginTests {
    @Test("cni-conformance reports no failure of a MUST or SHOULD for our plugin")
    func passes() async throws {
      let outcome = try await onOwnThread {
        let folder = try executableFolder()
        return try runChild(
          "\(folder)/cni-conformance",
          arguments: [
            "--plugin", "\(folder)/istio-cni", "--manifest", SubjectFixture("istio-cni").manifestPath, "--format",
            "json",
          ], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], timeLimit: .seconds(900))
      }
      #expect(outcome.status == .exited(0))
      let report = try JSONValue(parsing: outcome.standardOutput)
      let results = try #require(report["results"]?.array)
      let failures = results.filter { $0["result"] == "fail" || $0["result"] == "broken" }
      for failure in failures {
        Issue.record(
          "\(failure["id"] ?? nil) \(failure["version"] ?? nil) \(failure["class"] ?? nil): \(failure["observation"] ?? failure["reason"] ?? nil)"
        )
      }
      #expect(Set(results.compactMap { $0["id"]?.string }).count == 255)
      print("cni-conformance: istio-cni: \(report["summary"]?.string ?? "no summary")")
    }
  }
}
