extension IptablesSnapshot {
  /// The input for `iptables-restore --noflush` that makes of what is there what is `wanted`, as far as it is ours;
  /// nil if it is so already.
  ///
  /// Chains are flushed and filled again, and what is no longer wanted goes, all of a table in one commit. Tables that
  /// are as they should be are not touched. `nat` comes last, so that no connection is steered to what is not there.
  func script(to wanted: IptablesSnapshot) -> String? {
    let names = Set(tables.keys).union(wanted.tables.keys).sorted { Self.place($0) < Self.place($1) }
    let lines = names.flatMap { name in
      let commands = (tables[name] ?? IptablesTable()).commands(to: wanted.tables[name] ?? IptablesTable())
      return commands.isEmpty ? [] : ["*\(name)"] + commands + ["COMMIT"]
    }
    return lines.isEmpty ? nil : lines.map { "\($0)\n" }.joined()
  }

  private static func place(_ table: String) -> (Int, String) {
    (["raw": 0, "mangle": 1, "nat": 3][table] ?? 2, table)
  }
}

extension IptablesTable {
  fileprivate func commands(to wanted: IptablesTable) -> [String] {
    let (own, jumps) = (ownChains, jumps)
    let (wantedOwn, wantedJumps) = (wanted.ownChains, wanted.jumps)
    let changes = Set(jumps.keys).union(wantedJumps.keys).sorted().map { chain in
      JumpChanges(
        in: chain, ruleCount: chains[chain]?.count ?? 0, from: jumps[chain] ?? [], to: wantedJumps[chain] ?? [])
    }
    let removals = changes.flatMap(\.removals)
    let additions = changes.flatMap(\.additions)
    let isFilled = own.mapValues { $0.map(\.spelling) } == wantedOwn.mapValues { $0.map(\.spelling) }
    if isFilled, removals.isEmpty, additions.isEmpty { return [] }
    // Nothing may lead to a chain that is deleted: all of ours are emptied first.
    let stale = own.keys.filter { wantedOwn[$0] == nil }.sorted()
    let kept = wantedOwn.sorted { $0.key < $1.key }
    return kept.map { ":\($0.key) - [0:0]" } + stale.map { "-F \($0)" } + removals + stale.map { "-X \($0)" }
      + kept.flatMap { chain, rules in rules.map { "-A \(chain) \($0.text)" } } + additions
  }
}

/// What makes of the rules that lead from another chain to ours those that are wanted. One that is there stays in its
/// place, whatever others have put around it.
private struct JumpChanges {
  let removals: [String]
  let additions: [String]

  init(in chain: String, ruleCount: Int, from found: [IptablesTable.Jump], to wanted: [IptablesTable.Jump]) {
    // A removal goes by content, not by number: others may have changed the chain since it was read. Of equal rules
    // that takes the first, so the last ones are those to keep.
    var surplus = found
    var missing: [IptablesTable.Jump] = []
    for jump in wanted.reversed() {
      if let index = surplus.lastIndex(where: { $0.rule.spelling == jump.rule.spelling }) {
        surplus.remove(at: index)
      } else {
        missing.append(jump)
      }
    }
    removals = surplus.map { "-D \(chain) \($0.rule.text)" }
    let remaining = ruleCount - surplus.count
    additions = missing.reversed().enumerated().map { added, jump in
      if let position = jump.position, position <= remaining + added + 1 {
        "-I \(chain) \(position) \(jump.rule.text)"
      } else {
        "-A \(chain) \(jump.rule.text)"
      }
    }
  }
}
