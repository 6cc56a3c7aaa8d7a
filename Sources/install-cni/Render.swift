import ArgumentParser
import JSON
import Netfilter
import Plugin
import Redirect

/// `install-cni render`: the rules that the plugin would give a pod, without touching anything.
struct Render: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case nft
    case iptables
    case json
  }

  static let configuration = CommandConfiguration(
    abstract: "Print the rules that a pod would get.",
    discussion: """
      As a script for 'nft -f', as the two scripts for 'iptables-restore --noflush' and 'ip6tables-restore --noflush', \
      or as JSON. A pod that would be left alone gives the reason and exit code 3.
      """)

  @OptionGroup var options: PodOptions

  @Option(help: "How to print them.")
  var format = Format.nft

  func run() throws {
    let ruleset = try options.redirected().ruleset
    switch format {
    case .nft: print(ruleset.nftablesText, terminator: "")
    case .iptables:
      for (family, program) in [(IPFamily.v4, "iptables-restore"), (.v6, "ip6tables-restore")] {
        print("# \(program) --noflush")
        print(ruleset.iptablesText(family), terminator: "")
      }
    case .json: print(ruleset.json.text(.indented(2)))
    }
  }
}
