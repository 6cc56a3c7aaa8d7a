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
      Every case has network and mount namespaces of its own, so nothing of this machine is touched; it takes root. \
      Exits with 1 if a MUST failed or a case could not be run.
      """)

  @OptionGroup var subject: SubjectOptions

  @Option(name: .customLong("case"), help: "Run these cases only: INV-01, or a chapter: INV.")
  var cases: [String] = []

  @Option(help: "How many cases to run at a time.")
  var jobs = 4

  @Option(help: "How the results are printed: \(ReportFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
  var format = ReportFormat.table

  func run() throws {
    let subject = try subject.subject()
    let selected = try Catalogue.select(cases)
    let reports = try Suite(subject, cases: selected, jobs: jobs).run()
    print(Report(subject: subject, cases: reports).text(format), terminator: "")
    if reports.contains(where: \.isFatal) { throw ExitCode.failure }
  }
}

extension ReportFormat: ExpressibleByArgument {}
extension SpecVersion: ExpressibleByArgument {}
extension Role: ExpressibleByArgument {}
