import ArgumentParser
import JSON
import Plugin
import Redirect
import System

/// What `render` and `trace` are asked about.
struct PodOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The file with the pod, as JSON (kubectl get pod NAME -o json).", valueName: "file"))
  var pod: String

  @Option(
    help: ArgumentHelp(
      "The network configuration list of the node, or our entry of it alone, for the keys that hold for every pod.",
      valueName: "file"))
  var config: String?

  /// - Throws: what would keep the pod from starting, or what is wrong with a file.
  func dryRun() throws -> DryRun {
    try DryRun(
      pod: try JSONValue(parsing: try readFile(pod, limit: 8 << 20)),
      configuration: try config.map { try readFile($0, limit: 4 << 20) })
  }

  /// The rules of a pod that gets any. What its owner should know goes to standard error.
  ///
  /// - Throws: exit code 3, with the reason printed, for a pod that is left alone.
  func redirected() throws -> (run: DryRun, ruleset: Ruleset) {
    let run = try dryRun()
    for warning in run.warnings { CurrentProcess.writeStandardError(Array("warning: \(warning)\n".utf8)) }
    guard let ruleset = run.ruleset else {
      if case .skip(let reason) = run.decision { print("not redirected: \(reason)") }
      throw ExitCode(3)
    }
    return (run, ruleset)
  }
}
