import CNI
import Conformance
import Harness
import System
import Testing

extension ConformanceRuns {
  /// The reference plugins before the suite: what is known of them shows that the suite sees what it should, and a change
  /// of the suite shows here.
  @Suite struct ReferencePluginTests {
    static let folder = "/usr/lib/cni"

    @Test(
      "the reference plugins have the results that are recorded",
      arguments: [
        "loopback", "bridge", "ptp", "macvlan", "host-local", "portmap", "tuning", "firewall",
      ].map(SubjectFixture.init))
    func recorded(_ fixture: SubjectFixture) async throws {
      let reports = try await onOwnThread {
        let subject = try Subject(
          path: "\(Self.folder)/\(fixture.name)", manifest: try fixture.manifest(), pluginFolders: [Self.folder])
        return try ConformanceRuns.run(subject) { try fixture.expects($0) }
      }
      for report in reports where report.verdict == .broken { Issue.record("\(report.name): \(report.text ?? "")") }
      if CurrentProcess.environment["UPDATE_FIXTURES"] == "1" {
        try fixture.record(reports)
      } else {
        #expect(try fixture.differences(from: reports) == [])
      }
    }
  }
}
