import CNI
import Conformance
import Harness
import JSON
import System
import TestKit

/// A plugin that the suite is tried on: a folder of `fixtures/conformance` with its manifest, and with the results that
/// it is known to have.
struct SubjectFixture: Sendable, CustomStringConvertible {
  let name: String

  init(_ name: String) {
    self.name = name
  }

  var description: String { name }

  private func path(_ file: String) -> String { fixturePath("conformance/\(name)/\(file)") }

  var manifestPath: String { path("manifest.json") }

  func manifest() throws -> Manifest {
    try Manifest(parsing: try readFile(manifestPath, limit: 1 << 20))
  }

  /// Verdicts by case and version, such as `INV-01 (1.0.0)`.
  func recordedResults() throws -> JSONObject {
    let path = path("results.json")
    guard isReadable(path) else { return [:] }
    return try JSONValue(parsing: try readFile(path, limit: 1 << 20)).object ?? [:]
  }

  /// Writes results as they are now. What is known to vary from run to run stays marked so.
  func record(_ reports: [CaseReport]) throws {
    let before = try recordedResults()
    var results: JSONObject = [:]
    for report in reports where report.isOfInterest {
      results[report.name] = before[report.name] == "varies" ? "varies" : .string(report.verdict.rawValue)
    }
    try AtomicFile.write(
      JSONValue.object(results).serialized(.indented(2)) + [0x0A], to: path("results.json"), mode: 0o644)
  }

  /// Whether a report is as recorded.
  func expects(_ report: CaseReport) throws -> Bool {
    guard report.isOfInterest else { return true }
    let wanted = try recordedResults()[report.name]?.string
    return wanted == report.verdict.rawValue || wanted == "varies" && report.verdict != .broken
  }

  /// What differs between recorded results and these, in words.
  func differences(from reports: [CaseReport]) throws -> [String] {
    var recorded = try recordedResults()
    var differences: [String] = []
    for report in reports where report.isOfInterest {
      let wanted = recorded[report.name]?.string
      recorded[report.name] = nil
      if wanted == report.verdict.rawValue { continue }
      if wanted == "varies" && report.verdict != .broken { continue }
      differences.append(
        "\(report.name): \(report.verdict.rawValue), recorded as \(wanted ?? "nothing"): \(report.text ?? "")")
    }
    return differences + recorded.keys.map { "\($0): not run" }
  }

  private func isReadable(_ path: String) -> Bool { (try? readFile(path, limit: 1 << 20)) != nil }
}

extension CaseReport {
  /// Whether the case concerned plugins of this role and versions at all.
  fileprivate var isOfInterest: Bool { version != nil && verdict != .inapplicable }
}
