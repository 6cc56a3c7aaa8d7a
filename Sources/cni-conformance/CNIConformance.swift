import ArgumentParser
import CNI
import Conformance
import System

@main
struct CNIConformance: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cni-conformance",
    abstract: "Run the conformance cases of the CNI specification against a plugin binary.",
    discussion: """
      Every case has network and mount namespaces of its own, so nothing of this machine is touched; it takes root, \
      and the programs ip and nft.

      Exits with 1 if a MUST failed or a case could not be run. Failed SHOULDs and conventions (CONV) are reported; a \
      dagger marks what no reference plugin does today.

      The specification does not say all there is to know of a plugin, so there are manifests: see --manifest, and the \
      examples for the reference plugins under fixtures/conformance.
      """)

  @Flag(help: "Print the cases and run none.")
  var list = false

  @OptionGroup var subject: SubjectOptions

  @Option(name: .customLong("case"), help: "Run these cases only: INV-01, or a chapter: INV.")
  var cases: [String] = []

  @Option(help: "How many cases to run at a time.")
  var jobs = 4

  @Option(help: "How the results are printed: \(ReportFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
  var format = ReportFormat.table

  func validate() throws {
    if !list && subject.plugin == nil { throw ValidationError("--plugin must name the binary") }
    if jobs < 1 { throw ValidationError("--jobs must be at least 1") }
  }

  func run() throws {
    let selected = try Catalogue.select(cases)
    if list {
      for testCase in selected { print(testCase.line) }
      return
    }
    guard CurrentProcess.isRoot else {
      throw ValidationError(
        "namespaces can be made by root only; run this as root, for instance by sudo or in a container")
    }
    let subject = try subject.subject()
    let reports = try Suite(subject, cases: selected, jobs: jobs).run()
    print(Report(subject: subject, cases: reports).text(format), terminator: "")
    if reports.contains(where: \.isFatal) { throw ExitCode.failure }
  }
}

extension ConformanceCase {
  /// As a line of a list.
  fileprivate var line: String {
    let roles = Role.allCases.filter(concerns).map(\.rawValue).joined(separator: ",")
    let versions = "\(versions.lowerBound.rawValue)…\(versions.upperBound.rawValue)\(isRepeated ? ", each" : "")"
    return "\(id)  \(requirement.rawValue)  [\(roles)]  \(versions)  \(stimulus)  =>  \(expectation)"
  }
}

extension ReportFormat: ExpressibleByArgument {}
extension SpecVersion: ExpressibleByArgument {}
extension Role: ExpressibleByArgument {}
