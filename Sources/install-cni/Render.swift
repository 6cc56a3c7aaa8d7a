import ArgumentParser
import JSON
import Kubernetes
import Netfilter
import Plugin
import Redirect
import System

/// `install-cni render`: what the plugin would do with a pod, without touching anything.
struct Render: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the rules that a pod would get, as a script for 'nft -f'.",
    discussion: """
      Reads a pod as the API server returns it (kubectl get pod NAME -o json). A pod that would be left alone gives the \
      reason and exit code 3.
      """)

  @Option(help: ArgumentHelp("The file with the pod, as JSON.", valueName: "file"))
  var pod: String

  func run() throws {
    let object = try PodObject(json: try JSONValue(parsing: try readFile(pod, limit: 8 << 20)))
    switch try Decision(PodFacts(object)) {
    case .redirect(let policy):
      print(Ruleset(policy, hasIPv6: true).nftablesText, terminator: "")
    case .skip(let reason):
      print("not redirected: \(reason)")
      throw ExitCode(3)
    }
  }
}
