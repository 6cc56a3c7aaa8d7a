/// A chain of nf_tables, as `nft list ruleset` shows it.
struct RulesetChain: Sendable {
  /// Family and name of its table: `ip nat`.
  let table: String
  let name: String
  /// Whether the kernel sends packets to it.
  var isBase = false
  var rules: [String] = []

  /// For commands: `ip nat POSTROUTING`.
  var path: String { "\(table) \(name)" }
}

extension State {
  /// The chains of a place: `node`, or `container 1`.
  func chains(of place: String) -> [RulesetChain] {
    var chains: [RulesetChain] = []
    var table = ""
    var isInChain = false
    for line in sections["\(place): rules"] ?? [] {
      if let match = line.wholeMatch(of: #/table ([a-z0-9]+ \S+) \{.*/#) {
        table = "\(match.1)"
      } else if let match = line.wholeMatch(of: #/\tchain (\S+) \{.*/#) {
        chains.append(RulesetChain(table: table, name: "\(match.1)"))
        isInChain = true
      } else if line == "\t}" {
        isInChain = false
      } else if isInChain, let last = chains.indices.last {
        if line.hasPrefix("\t\ttype ") {
          chains[last].isBase = true
        } else if line.hasPrefix("\t\t"), !line.hasPrefix("\t\tcomment ") {
          chains[last].rules.append(line)
        }
      }
    }
    return chains
  }

  /// The chains of the node's that hold what has come since `baseline`: new ones if there are any, or else those with
  /// new rules; where the kernel sends packets only if there are no others.
  func ownChains(since baseline: State) -> [RulesetChain] {
    let before = baseline.chains(of: "node")
    let grown = chains(of: "node").filter { chain in
      !chain.rules.isEmpty && chain.rules != before.first { $0.path == chain.path }?.rules
    }
    let new = grown.filter { chain in !before.contains { $0.path == chain.path } }
    let own = new.isEmpty ? grown : new
    let called = own.filter { !$0.isBase }
    return called.isEmpty ? own : called
  }
}

extension LabNode {
  /// Takes away every rule of the node, of nf_tables and of the older tables.
  func flushRules() throws {
    try tool("nft flush ruleset")
    for (names, program) in [("ip_tables_names", "iptables-legacy"), ("ip6_tables_names", "ip6tables-legacy")] {
      try tool(
        "sh -c 'for table in $(cat /proc/self/net/\(names)); do \(program) -t $table -F; \(program) -t $table -X; done'"
      )
    }
  }

  /// What the node has for rules beside the empty tables that programs make when they look for rules.
  func rules() throws -> [String] {
    let state = try state()
    let chains = state.chains(of: "node").filter { !$0.isBase || !$0.rules.isEmpty }.map { "chain \($0.path)" }
    let older = (state.sections["node: rules"] ?? []).filter { $0.hasPrefix("-A ") || $0.hasSuffix(" - ") }
    return chains + older
  }
}
