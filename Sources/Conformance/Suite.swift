import CNI
import Harness
import System

/// Runs cases of the catalogue against a plugin.
package struct Suite: Sendable {
  let subject: Subject
  let cases: [ConformanceCase]
  let jobs: Int
  let timeLimit: Duration

  /// - Parameters:
  ///   - cases: In the order in which they are to be reported.
  ///   - jobs: How many are run at a time.
  ///   - timeLimit: Of each case.
  package init(
    _ subject: Subject, cases: [ConformanceCase] = Catalogue.cases, jobs: Int = 4, timeLimit: Duration = .seconds(120)
  ) {
    self.subject = subject
    self.cases = cases
    self.jobs = jobs
    self.timeLimit = timeLimit
  }

  /// Runs the cases, each in namespaces of its own.
  ///
  /// - Returns: A report for each case and version, in the order of the cases.
  package func run() throws -> [CaseReport] {
    let journal = Journal()
    let certificates = try subject.manifest.kubernetes.map { _ in try ClusterCertificates() }
    let runs = cases.flatMap(runs(of:))
    var reports: [Int: CaseReport] = [:]
    // A verdict over the whole run comes when the rest of it is over.
    for isVerdict in [false, true] {
      let order = runs.indices.filter { isVerdictOverAll(runs[$0]) == isVerdict }
      let finished = try inParallel(order.count, threads: jobs) { report(runs[order[$0]], journal, certificates) }
      for (index, report) in zip(order, finished) { reports[index] = report }
    }
    return runs.indices.compactMap { reports[$0] }
  }

  private struct Run: Sendable {
    let testCase: ConformanceCase
    let version: SpecVersion?
  }

  private func isVerdictOverAll(_ run: Run) -> Bool { Catalogue.verdictsOverAll.contains(run.testCase.id) }

  /// A case is run in the newest version that it and the plugin have in common, or in each of them.
  private func runs(of testCase: ConformanceCase) -> [Run] {
    let versions = subject.versions.filter(testCase.versions.contains)
    guard testCase.isRepeated, !versions.isEmpty else { return [Run(testCase: testCase, version: versions.last)] }
    return versions.map { Run(testCase: testCase, version: $0) }
  }

  private func report(_ run: Run, _ journal: Journal, _ certificates: ClusterCertificates?) -> CaseReport {
    let started = ContinuousClock.now
    let finding = finding(of: run, journal, certificates)
    return CaseReport(
      testCase: run.testCase, version: run.version, finding: finding, duration: ContinuousClock.now - started)
  }

  private func finding(of run: Run, _ journal: Journal, _ certificates: ClusterCertificates?) -> Finding {
    guard run.testCase.concerns(subject.role) else {
      return .inapplicable("not for plugins of role \(subject.role.rawValue)")
    }
    guard case .judge(let judge) = run.testCase.decision else {
      guard case .undecidable(let reason) = run.testCase.decision else { return .passed }
      return .undecidable(reason)
    }
    guard let version = run.version else {
      return .inapplicable("the plugin lists no version from \(run.testCase.versions.lowerBound.rawValue) on")
    }
    let lab = Lab(subject, version, timeLimit: timeLimit, journal: journal, certificates: certificates)
    defer { lab.tearDown() }
    do {
      try judge(lab)
      return .passed
    } catch let discrepancy as Discrepancy {
      return .failed(observed: discrepancy.observed)
    } catch let inapplicable as Inapplicable {
      return .inapplicable(inapplicable.reason)
    } catch {
      return .broken("\(error)")
    }
  }
}
