import CNI
import Conformance
import FaultTable
import Glibc
import Harness
import System
import SystemPackage
import Testing

extension ConformanceRuns {
  /// The suite's own control: a plugin that is right passes every case, and for every case there is a broken plugin that
  /// it catches. A case that no broken plugin can fail is none.
  @Suite struct FaultMatrixTests {
    static let chapters = [
      "INV", "CFG", "VER", "ADD", "CHN", "DEL", "CHK", "GC", "STA", "IPM", "DLG", "CAP", "CON", "FLT", "RDR",
    ]

    @Test("there are 255 cases, and each has a fault of its own or a reason why no program can decide it")
    func complete() {
      #expect(Catalogue.cases.count == 255)
      #expect(Set(Catalogue.cases.map { $0.id.prefix { $0 != "-" } }) == Set(Self.chapters.map { $0[...] }))
      let caught = Set(FaultTable.rows.map(\.caseID))
      for testCase in Catalogue.cases where !testCase.isUndecidable && !caught.contains(testCase.id) {
        Issue.record("no broken plugin can fail \(testCase.id)")
      }
    }

    @Test("a plugin that is right passes", arguments: ModelRole.allCases)
    func right(_ role: ModelRole) async throws {
      let reports = try await onOwnThread {
        let delegates = try DelegateFolder()
        // As those with a fault are run: what a script breaks would else count as caught.
        let plugin = try FaultyPlugin(nil, of: "\(try executableFolder())/model-cni")
        return try ConformanceRuns.run(try Self.subject(role, path: plugin.path, delegates.path)) {
          $0.verdict != .failed && $0.verdict != .broken
        }
      }
      for report in reports where report.verdict == .failed || report.verdict == .broken {
        Issue.record("\(report.name): \(report.text ?? "")")
      }
      #expect(reports.count { $0.verdict == .passed } > 60)
    }

    @Test("a plugin with one fault is caught by the case made for it", arguments: chapters)
    func broken(chapter: String) async throws {
      let escaped = try await onOwnThread {
        let delegates = try DelegateFolder()
        let undecidable = Set(Catalogue.cases.filter(\.isUndecidable).map(\.id))
        let rows = FaultTable.rows.filter { $0.caseID.hasPrefix("\(chapter)-") && !undecidable.contains($0.caseID) }
        let binary = "\(try executableFolder())/model-cni"
        // All scripts are there before anything is started: whoever forks while one is being written keeps it busy.
        let runs = try rows.flatMap { row in
          try row.roles.map { role in FaultyRun(row: row, role: role, plugin: try FaultyPlugin(row.fault, of: binary)) }
        }
        let folder = delegates.path
        return try inParallel(runs.count, threads: 4) { index in
          do {
            return try Self.escape(of: runs[index], folder)
          } catch {
            return "\(runs[index].row.caseID): \(error)"
          }
        }.compactMap { $0 }
      }
      #expect(escaped == [])
    }

    /// How a fault gets past its case, in words; nil if it is caught.
    private static func escape(of run: FaultyRun, _ delegates: String) throws -> String? {
      let (row, role) = (run.row, run.role)
      let versions = row.version.flatMap(SpecVersion.init(rawValue:)).map { [$0] }
      let subject = try subject(role, path: run.plugin.path, delegates, versions: versions)
      let reports = try Suite(subject, cases: try Catalogue.select([row.caseID]), jobs: 1).run()
      if reports.contains(where: { $0.verdict == .failed }) { return nil }
      let seen = reports.map { "\($0.name): \($0.verdict.rawValue) \($0.text ?? "")" }.joined(separator: "; ")
      return "\(row.fault.rawValue) as \(role.rawValue) is not caught by \(seen)"
    }

    private static func subject(
      _ role: ModelRole, path: String, _ delegates: String, versions: [SpecVersion]? = nil
    ) throws -> Subject {
      try Subject(
        path: path, manifest: try SubjectFixture("model-\(role.rawValue)").manifest(),
        pluginFolders: [delegates, ReferencePluginTests.folder], versions: versions)
    }
  }

  /// A folder in which a plugin finds the right model plugin under the name of its delegate; it goes with its owner.
  private struct DelegateFolder: ~Copyable {
    let path: String

    init() throws {
      path = "/tmp/model-ipam-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
      try makeFolder(path)
      let target = "\(try executableFolder())/model-cni"
      guard symlink(target, "\(path)/model-ipam") == 0 else {
        throw SystemError("symlink", path, Errno(rawValue: errno))
      }
    }

    deinit {
      unlink("\(path)/model-ipam")
      rmdir(path)
    }
  }
}

/// A row of the table in one of its roles.
private struct FaultyRun: Sendable {
  let row: FaultRow
  let role: ModelRole
  let plugin: FaultyPlugin
}

/// The model plugin with one fault or none, as a script in a folder of its own that goes with its owner.
private final class FaultyPlugin: Sendable {
  let path: String
  private let folder: String

  init(_ fault: Fault?, of binary: String) throws {
    folder = "/tmp/model-cni-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    path = "\(folder)/model-cni"
    try makeFolder(folder)
    try AtomicFile.write(Array(fault.script(executing: binary).utf8), to: path, mode: 0o755)
  }

  deinit {
    unlink(path)
    rmdir(folder)
  }
}
