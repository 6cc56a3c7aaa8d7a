package import Redirect

extension Ruleset {
  /// The ruleset as a script for `nft -f`, for people and for comparison with what `nft` makes of it.
  package var nftablesText: String {
    let table = "inet \(NftablesBatch.tableName)"
    let body = sets.map(\.nftablesText) + chains.map(\.nftablesText)
    return "table \(table)\ndelete table \(table)\ntable \(table) {\n\(body.joined(separator: "\n"))}\n"
  }
}

extension NamedSet {
  /// The elements as `nft` spells them: `5432`, `8000-8010`.
  package var elementTexts: [String] {
    switch elements {
    case .ports(let ports): ports.ranges.map(Self.text)
    case .addresses(_, let ranges): ranges.map(Self.text)
    case .groups(let groups): groups.map(\.description)
    }
  }

  fileprivate var nftablesText: String {
    let flags = layout.hasRanges ? "\t\tflags interval\n" : ""
    return
      "\tset \(name) {\n\t\ttype \(layout.typeName)\n\(flags)\t\telements = { \(elementTexts.joined(separator: ", ")) }\n\t}\n"
  }

  private static func text<Bound>(_ range: ClosedRange<Bound>) -> String {
    range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
  }
}

extension Chain {
  fileprivate var nftablesText: String {
    let lines = rules.map { "\t\t\($0.nftablesText)\n" }
    let hook = hook.map { hook in
      "\t\ttype \(nftablesType(hook)) hook \(hook.rawValue) priority \(stage.nftablesPriority); policy accept;\n"
    }
    return "\tchain \(name) {\n\(hook ?? "")\(lines.joined())\t}\n"
  }

  /// The kind of base chain. Of the kinds only `route` makes the kernel look for another route after a mark is set.
  func nftablesType(_ hook: Hook) -> String {
    switch (stage, hook) {
    case (.nat, _): "nat"
    case (.mangle, .output): "route"
    case (.mangle, .prerouting), (.raw, _): "filter"
    }
  }
}

extension Chain.Stage {
  /// The kernel's numbers for the like-named tables of iptables (`enum nf_ip_hook_priorities`,
  /// linux/netfilter_ipv4.h). Conntrack has -200.
  var nftablesPriority: Int32 {
    switch self {
    case .raw: -300
    case .mangle: -150
    case .nat: -100
    }
  }
}

extension Rule {
  /// The rule as `nft` reads it.
  package var nftablesText: String {
    (matchTexts + [verdict.nftablesText, "comment \"\(comment)\""]).joined(separator: " ")
  }

  /// What the rule asks of a packet, as `nft` spells it, condition by condition.
  package var matchTexts: [String] {
    let transport = matches.lazy.compactMap { if case .transport(.equal, let value) = $0 { value } else { nil } }.first
    let matchesPort = matches.contains(where: \.isOfPort)
    let port = transport?.rawValue ?? "th"
    return matches.compactMap { match -> String? in
      switch match {
      // `tcp dport` says it already.
      case .transport(.equal, _) where matchesPort: nil
      case .transport(let comparison, let transport): "meta l4proto \(comparison.nftablesText)\(transport.rawValue)"
      case .inputInterface(let comparison, let name): "iifname \(comparison.nftablesText)\"\(name)\""
      case .outputInterface(let comparison, let name): "oifname \(comparison.nftablesText)\"\(name)\""
      case .source(let comparison, let prefix):
        "\(prefix.family.nftablesText) saddr \(comparison.nftablesText)\(prefix.nftablesText)"
      case .destination(let comparison, let prefix):
        "\(prefix.family.nftablesText) daddr \(comparison.nftablesText)\(prefix.nftablesText)"
      case .sourceInSet(let family, let set): "\(family.nftablesText) saddr @\(set)"
      case .destinationInSet(let family, let set): "\(family.nftablesText) daddr @\(set)"
      case .sourcePort(let comparison, let number): "\(port) sport \(comparison.nftablesText)\(number)"
      case .destinationPort(let comparison, let number): "\(port) dport \(comparison.nftablesText)\(number)"
      case .destinationPortInSet(let set): "\(port) dport @\(set)"
      case .user(let user): "meta skuid \(user)"
      case .group(let group): "meta skgid \(group)"
      case .groupInSet(let set): "meta skgid @\(set)"
      case .mark(let comparison, let mark): "meta mark \(comparison.nftablesText)\(mark)"
      case .connectionMark(let comparison, let mark): "ct mark \(comparison.nftablesText)\(mark)"
      case .connection(let states): "ct state \(states.map(\.rawValue).joined(separator: ","))"
      case .isForeign: "fib daddr type != local"
      case .isReply: "ct direction reply"
      }
    }
  }
}

extension Match {
  fileprivate var isOfPort: Bool {
    switch self {
    case .sourcePort, .destinationPort, .destinationPortInSet: true
    default: false
    }
  }
}

extension Verdict {
  /// The verdict as `nft` spells it.
  package var nftablesText: String {
    switch self {
    case .return: "return"
    case .goto(let chain): "goto \(chain)"
    case .drop: "drop"
    case .redirect(let port): "redirect to :\(port)"
    case .transparentProxy(let port): "tproxy to :\(port) accept"
    case .setMark(let mark): "meta mark set \(mark)"
    case .saveMark: "ct mark set meta mark"
    case .setZone(let zone): "ct zone set \(zone)"
    }
  }
}

extension Comparison {
  fileprivate var nftablesText: String { self == .equal ? "" : "!= " }
}

extension CIDR {
  /// A prefix of one address without its length, as `nft` prints it.
  fileprivate var nftablesText: String { prefixLength == family.bitWidth ? "\(address)" : description }
}

extension IPFamily {
  fileprivate var nftablesText: String { self == .v4 ? "ip" : "ip6" }
}
