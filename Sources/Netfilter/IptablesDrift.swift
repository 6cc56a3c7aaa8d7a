import Redirect

extension IptablesSnapshot {
  /// What of ours differs from what is `wanted`.
  func differences(from wanted: IptablesSnapshot, _ family: IPFamily) -> [Difference] {
    Set(tables.keys).union(wanted.tables.keys).sorted().flatMap { name in
      let found = tables[name] ?? IptablesTable()
      let wanted = wanted.tables[name] ?? IptablesTable()
      let chains = Difference.entries(
        "\(family) \(name) chain", wanted: wanted.ownChains, found: found.ownChains
      ) { wanted, found, chain in
        Difference.rules(of: chain, wanted: wanted.map(\.spelling), found: found.map(\.spelling))
      }
      let (foundJumps, wantedJumps) = (found.jumps, wanted.jumps)
      let jumps = Set(wantedJumps.keys).union(foundJumps.keys).sorted().flatMap { chain in
        Self.jumps(
          "\(family) \(name) chain \(chain)", wanted: wantedJumps[chain] ?? [], found: foundJumps[chain] ?? [])
      }
      return chains + jumps
    }
  }

  /// Where among other people's rules a jump stands is not ours to say.
  private static func jumps(
    _ chain: String, wanted: [IptablesTable.Jump], found: [IptablesTable.Jump]
  ) -> [Difference] {
    var extra = found
    var differences: [Difference] = []
    for jump in wanted {
      if let index = extra.firstIndex(where: { $0.rule.spelling == jump.rule.spelling }) {
        extra.remove(at: index)
      } else {
        differences.append(Difference(.missing, "rule of \(chain) (\(jump.rule.text))"))
      }
    }
    return differences + extra.map { Difference(.extra, "rule of \(chain) (\($0.rule.text))") }
  }
}
