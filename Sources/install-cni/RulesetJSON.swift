import JSON
import Netfilter
import Redirect

extension Ruleset {
  /// The ruleset for programs. Matches and verdicts are in the words of `nft`.
  var json: JSONValue {
    [
      "sets": .array(sets.map(\.json)),
      "chains": .array(chains.map(\.json)),
      "localAddresses": .array(localAddresses.map { .string($0.prefix.description) }),
      "localDelivery": localDelivery.map {
        ["mark": .number(JSONNumber(Int($0.mark))), "routingTable": .number(JSONNumber(Int($0.routingTable)))]
      } ?? nil,
    ]
  }
}

extension NamedSet {
  fileprivate var json: JSONValue {
    let (type, elements): (String, [String]) =
      switch elements {
      case .ports(let ports): ("port", ports.ranges.map { Self.text($0) })
      case .addresses(.v4, let ranges): ("ipv4", ranges.map { Self.text($0) })
      case .addresses(.v6, let ranges): ("ipv6", ranges.map { Self.text($0) })
      case .groups(let groups): ("gid", groups.map(\.description))
      }
    return ["name": .string(name), "type": .string(type), "elements": .array(elements.map { .string($0) })]
  }

  private static func text<Bound>(_ range: ClosedRange<Bound>) -> String {
    range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
  }
}

extension Chain {
  fileprivate var json: JSONValue {
    [
      "name": .string(name), "stage": .string(stage.rawValue), "hook": hook.map { .string($0.rawValue) } ?? nil,
      "rules": .array(
        rules.map { rule in
          [
            "matches": .array(rule.matchTexts.map { .string($0) }), "verdict": .string(rule.verdict.nftablesText),
            "comment": .string(rule.comment),
          ]
        }),
    ]
  }
}
