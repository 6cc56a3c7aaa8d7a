import Harness
import JSON
import System
import Testing

/// `cni-conformance` as a program: what its exit status says, and what it tells a person.
@Suite(.requires(.namespaces), .tags(.root), .timeLimit(.minutes(10)))
struct CommandLineTests {
  static func run(_ arguments: [String]) throws -> ChildOutcome {
    try runChild(
      "\(try executableFolder())/cni-conformance", arguments: arguments,
      environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], timeLimit: .seconds(900))
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test("a plugin that fails a MUST is told by exit status 1, with stimulus, expectation, observation and section")
  func failedMust() throws {
    let outcome = try Self.run(["--plugin", "/bin/true", "--role", "chained", "--case", "INV-01"])
    #expect(outcome.status == .exited(1))
    let report = Self.text(outcome.standardOutput)
    #expect(report.contains("FAIL        INV-01"))
    #expect(report.contains("ADD with a valid configuration"))
    #expect(report.contains("expected: exit status 0, and one JSON object"))
    #expect(report.contains("observed: ADD: exited(0), standard output: nothing"))
    #expect(report.contains("see:      Section 5: ADD Success"))
    #expect(report.contains("true: 1 cases in 1 runs: 1 failed (1 MUST)"))
  }

  @Test("a failed SHOULD alone leaves the exit status at 0")
  func failedShould() throws {
    let outcome = try Self.run(["--plugin", "/bin/true", "--role", "chained", "--case", "INV-10"])
    #expect(Self.text(outcome.standardOutput).contains("1 failed (1 SHOULD)"))
    #expect(outcome.status == .exited(0))
  }

  @Test("a chained plugin is run behind a real one")
  func after() throws {
    let outcome = try Self.run([
      "--plugin", "\(ConformanceRuns.ReferencePluginTests.folder)/tuning", "--role", "chained", "--after", "bridge",
      "--case", "CHN-01",
      "--versions", "1.0.0", "--format", "tap",
    ])
    #expect(outcome.status == .exited(0))
    #expect(Self.text(outcome.standardOutput).hasPrefix("TAP version 14\n1..1\nok 1 - CHN-01 (1.0.0)"))
  }

  @Test("the entry of a list says how a plugin is configured")
  func config() throws {
    let path = "/tmp/cni-conformance-\(UInt32.random(in: 0...UInt32.max)).json"
    try AtomicFile.write(
      Array(#"{"type": "tuning", "sysctl": {"net.ipv4.conf.none.x": "1"}}"#.utf8), to: path, mode: 0o600)
    defer { #expect(throws: Never.self) { try removeFile(path) } }
    let outcome = try Self.run([
      "--plugin", "\(ConformanceRuns.ReferencePluginTests.folder)/tuning", "--role", "chained", "--config", path,
      "--case",
      "INV-01",
    ])
    #expect(outcome.status == .exited(1))
    #expect(Self.text(outcome.standardOutput).contains("net/ipv4/conf/none/x"))
  }

  @Test("every case is listed")
  func list() throws {
    let outcome = try Self.run(["--list"])
    #expect(outcome.status == .exited(0))
    #expect(outcome.standardOutput.split(separator: UInt8(ascii: "\n")).count == 255)
  }

  @Test(
    "what cannot be run says why",
    arguments: [
      ([], "--plugin must name the binary"),
      (["--plugin", "/bin/true"], "--role or --manifest must say what the plugin is"),
      (["--plugin", "/bin/true", "--role", "main", "--case", "XYZ"], "there is no case or chapter XYZ"),
      (["--plugin", "/nonexistent/plugin", "--role", "main"], "/nonexistent/plugin"),
      (["--plugin", "/bin/true", "--manifest", "/nonexistent/manifest"], "/nonexistent/manifest"),
    ] as [([String], String)])
  func refuses(arguments: [String], text: String) throws {
    let outcome = try Self.run(arguments)
    #expect(outcome.status != .exited(0))
    #expect(Self.text(outcome.standardError).contains(text))
  }
}
