import Redirect
import TruthTables

/// A ruleset with one thing wrong.
struct Mutant: Sendable {
  /// Where: `nat-output rule 3 (outbound port excluded)`.
  let place: String
  /// What: `dropped`, `port 15008 is 15009`.
  let change: String
  let ruleset: Ruleset
  /// The stage of the rule that is wrong; nil if it is none.
  let stage: Chain.Stage?
  /// Why no packet can tell it from the right one, where that follows from the rules themselves.
  let equivalence: String?
}

extension Ruleset {
  /// Each ruleset that differs from this one in one rule, match, verdict or set element, or in the order of two rules.
  var mutants: [Mutant] {
    chains.indices.flatMap(ruleMutants) + sets.indices.flatMap(setMutants) + deliveryMutants
  }

  private func ruleMutants(chain index: Int) -> [Mutant] {
    let chain = chains[index]
    return chain.rules.indices.flatMap { number -> [Mutant] in
      let rule = chain.rules[number]
      let mutant = { (change: String, equivalence: String?, mutate: (inout [Rule]) -> Void) -> Mutant in
        var ruleset = self
        mutate(&ruleset.chains[index].rules)
        return Mutant(
          place: "\(chain.name) rule \(number + 1) (\(rule.comment))", change: change, ruleset: ruleset,
          stage: chain.stage, equivalence: equivalence)
      }
      var mutants = [mutant("dropped", Self.reasonToDrop(number, in: chain)) { $0.remove(at: number) }]
      if number + 1 < chain.rules.count {
        let next = chain.rules[number + 1]
        mutants.append(
          mutant("swapped with the next, \(next.comment)", Self.reasonToSwap(rule, next)) {
            $0.swapAt(number, number + 1)
          })
      }
      for (position, match) in rule.matches.enumerated() {
        mutants.append(mutant("no longer asks for \(match)", nil) { $0[number].matches.remove(at: position) })
        for other in match.mutations {
          mutants.append(mutant("\(match) is \(other)", nil) { $0[number].matches[position] = other })
        }
      }
      for other in rule.verdict.mutations {
        mutants.append(mutant("\(rule.verdict) is \(other)", nil) { $0[number].verdict = other })
      }
      return mutants
    }
  }

  private func setMutants(_ index: Int) -> [Mutant] {
    sets[index].elements.mutations.map { change, elements in
      var ruleset = self
      ruleset.sets[index].elements = elements
      return Mutant(
        place: "set \(sets[index].name)", change: change, ruleset: ruleset, stage: nil, equivalence: nil)
    }
  }

  private var deliveryMutants: [Mutant] {
    guard localDelivery != nil else { return [] }
    var ruleset = self
    ruleset.localDelivery = nil
    return [Mutant(place: "local delivery", change: "dropped", ruleset: ruleset, stage: nil, equivalence: nil)]
  }

  /// A rule that lets go what the rest of its chain would let go as well is there for people who read the rules.
  private static func reasonToDrop(_ number: Int, in chain: Chain) -> String? {
    guard chain.rules[number].verdict == .return else { return nil }
    let rest = chain.rules[(number + 1)...]
    return rest.allSatisfy { $0.verdict == .return } ? "the rest of the chain only returns, as its end does" : nil
  }

  private static func reasonToSwap(_ first: Rule, _ second: Rule) -> String? {
    if first.verdict == second.verdict { return "both have the same verdict" }
    if first.isDisjoint(from: second) { return "no packet matches both" }
    return nil
  }
}

extension Rule {
  fileprivate func isDisjoint(from other: Rule) -> Bool {
    matches.contains { match in other.matches.contains { match.isDisjoint(from: $0) } }
  }
}

extension Match {
  fileprivate func isDisjoint(from other: Match) -> Bool {
    if let family, let theirs = other.family, family != theirs { return true }
    switch (self, other) {
    case (.transport(.equal, let one), .transport(.equal, let two)): return one != two
    case (.transport(.notEqual, let one), .transport(.equal, let two)),
      (.transport(.equal, let one), .transport(.notEqual, let two)):
      return one == two
    case (.inputInterface(.equal, let one), .inputInterface(.equal, let two)),
      (.outputInterface(.equal, let one), .outputInterface(.equal, let two)):
      return one != two
    case (.destinationPort(.equal, let one), .destinationPort(.equal, let two)): return one != two
    case (.sourcePort(.equal, let one), .sourcePort(.equal, let two)): return one != two
    default: return false
    }
  }

  private var family: IPFamily? {
    switch self {
    case .source(_, let prefix), .destination(_, let prefix): prefix.family
    case .sourceInSet(let family, _), .destinationInSet(let family, _): family
    default: nil
    }
  }

  /// The same question with another value, or the other way round.
  fileprivate var mutations: [Match] {
    switch self {
    case .transport(let comparison, let transport):
      [.transport(comparison.flipped, transport), .transport(comparison, transport == .tcp ? .udp : .tcp)]
    case .inputInterface(let comparison, let name):
      [.inputInterface(comparison.flipped, name), .inputInterface(comparison, name == "eth0" ? "eth1" : "eth0")]
    case .outputInterface(let comparison, let name):
      [.outputInterface(comparison.flipped, name), .outputInterface(comparison, name == "eth0" ? "eth1" : "eth0")]
    case .source(let comparison, let prefix):
      [.source(comparison.flipped, prefix), .source(comparison, prefix.next)]
    case .destination(let comparison, let prefix):
      [.destination(comparison.flipped, prefix), .destination(comparison, prefix.next)]
    case .sourcePort(let comparison, let port):
      [.sourcePort(comparison.flipped, port), .sourcePort(comparison, port.next)]
    case .destinationPort(let comparison, let port):
      [.destinationPort(comparison.flipped, port), .destinationPort(comparison, port.next)]
    case .user(let user): [.user(UserID(user.rawValue + 1))]
    case .group(let group): [.group(GroupID(group.rawValue + 1))]
    case .mark(let comparison, let mark): [.mark(comparison.flipped, mark), .mark(comparison, mark + 1)]
    case .connectionMark(let comparison, let mark):
      [.connectionMark(comparison.flipped, mark), .connectionMark(comparison, mark + 1)]
    case .connection(let states): [.connection(ConnectionState.allCases.filter { !states.contains($0) })]
    // Sets have mutants of their own.
    case .sourceInSet, .destinationInSet, .destinationPortInSet, .groupInSet, .isForeign, .isReply: []
    }
  }
}

extension Verdict {
  fileprivate var mutations: [Verdict] {
    switch self {
    case .return: [.drop]
    case .goto, .saveMark, .drop: [.return]
    case .redirect(let port): [.return, .drop, .redirect(port.next)]
    case .transparentProxy(let port): [.return, .transparentProxy(port.next)]
    case .setMark(let mark): [.return, .setMark(mark + 1)]
    case .setZone(let zone): [.return, .setZone(3 - zone)]
    }
  }
}

extension Comparison {
  fileprivate var flipped: Comparison { self == .equal ? .notEqual : .equal }
}

extension Port {
  fileprivate var next: Port { Port(rawValue &+ 1) }
}

extension CIDR {
  /// The prefix that follows, of the same length.
  fileprivate var next: CIDR {
    let width = UInt128(family.bitWidth - prefixLength)
    return CIDR(IPAddress(family, address.value &+ (1 << width)), prefixLength: prefixLength)
  }
}

extension NamedSet.Elements {
  /// The set without each of its elements, and with one more that the scene knows.
  fileprivate var mutations: [(String, NamedSet.Elements)] {
    switch self {
    case .ports(let ports):
      let without = ports.ranges.map { range in
        ("\(range) is missing", NamedSet.Elements.ports(PortSet(ports.ranges.filter { $0 != range })))
      }
      let extra = Scene.ports.first { !ports.contains($0) }.map { port in
        ("\(port) is there", NamedSet.Elements.ports(ports.union(PortSet(port))))
      }
      return without + (extra.map { [$0] } ?? [])
    case .addresses(let family, let ranges):
      let without = ranges.map { range in
        ("\(range) is missing", NamedSet.Elements.addresses(family, ranges.filter { $0 != range }))
      }
      let extra = Scene.remotes.first { address in
        address.family == family && !ranges.contains { $0.contains(address) }
      }.map { address in
        (
          "\(address) is there",
          NamedSet.Elements.addresses(family, (ranges + [address...address]).sorted { $0.lowerBound < $1.lowerBound })
        )
      }
      return without + (extra.map { [$0] } ?? [])
    case .groups(let groups):
      let without = groups.map { group in
        ("\(group) is missing", NamedSet.Elements.groups(groups.filter { $0 != group }))
      }
      let extra = [GroupID(1000), GroupID(4000)].first { !groups.contains($0) }.map { group in
        ("\(group) is there", NamedSet.Elements.groups(groups + [group]))
      }
      return without + (extra.map { [$0] } ?? [])
    }
  }
}
