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
  fileprivate var nftablesText: String {
    let texts: [String] =
      switch elements {
      case .ports(let ports): ports.ranges.map(Self.text)
      case .addresses(_, let ranges): ranges.map(Self.text)
      }
    let flags = layout.hasRanges ? "\t\tflags interval\n" : ""
    return
      "\tset \(name) {\n\t\ttype \(layout.typeName)\n\(flags)\t\telements = { \(texts.joined(separator: ", ")) }\n\t}\n"
  }

  private static func text<Bound>(_ range: ClosedRange<Bound>) -> String {
    range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
  }
}

extension Chain {
  fileprivate var nftablesText: String {
    let lines = rules.map { "\t\t\($0.nftablesText)\n" }
    let hook = hook.map { "\t\ttype nat hook \($0.point) priority \($0.priority); policy accept;\n" } ?? ""
    return "\tchain \(name) {\n\(hook)\(lines.joined())\t}\n"
  }
}

extension Rule {
  /// The rule as `nft` reads it.
  package var nftablesText: String {
    let transport = matches.lazy.compactMap { if case .transport(.equal, let value) = $0 { value } else { nil } }.first
    let matchesPort = matches.contains(where: \.isOfPort)
    let words = matches.compactMap { match -> String? in
      switch match {
      // `tcp dport` says it already.
      case .transport(.equal, _) where matchesPort: nil
      case .transport(let comparison, let transport): "meta l4proto \(comparison.nftablesText)\(transport)"
      case .outputInterface(let comparison, let name): "oifname \(comparison.nftablesText)\"\(name)\""
      case .source(let comparison, let address):
        "\(address.family.nftablesText) saddr \(comparison.nftablesText)\(address)"
      case .destination(let comparison, let address):
        "\(address.family.nftablesText) daddr \(comparison.nftablesText)\(address)"
      case .destinationInSet(let family, let set): "\(family.nftablesText) daddr @\(set)"
      case .destinationPort(let comparison, let port):
        "\(transport.map { "\($0)" } ?? "th") dport \(comparison.nftablesText)\(port)"
      case .destinationPortInSet(let set): "\(transport.map { "\($0)" } ?? "th") dport @\(set)"
      case .user(let comparison, let user): "meta skuid \(comparison.nftablesText)\(user)"
      case .group(let comparison, let group): "meta skgid \(comparison.nftablesText)\(group)"
      }
    }
    return (words + [verdict.nftablesText, "comment \"\(comment)\""]).joined(separator: " ")
  }
}

extension Match {
  fileprivate var isOfPort: Bool {
    switch self {
    case .destinationPort, .destinationPortInSet: true
    default: false
    }
  }
}

extension Verdict {
  fileprivate var nftablesText: String {
    switch self {
    case .return: "return"
    case .goto(let chain): "goto \(chain)"
    case .redirect(let port): "redirect to :\(port)"
    }
  }
}

extension Comparison {
  fileprivate var nftablesText: String { self == .equal ? "" : "!= " }
}

extension IPFamily {
  fileprivate var nftablesText: String { self == .v4 ? "ip" : "ip6" }
}
