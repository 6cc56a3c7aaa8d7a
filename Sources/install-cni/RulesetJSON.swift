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
    let type =
      switch elements {
      case .ports: "port"
      case .addresses(.v4, _): "ipv4"
      case .addresses(.v6, _): "ipv6"
      case .groups: "gid"
      }
    return ["name": .string(name), "type": .string(type), "elements": .array(elementTexts.map { .string($0) })]
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
