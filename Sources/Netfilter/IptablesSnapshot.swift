/// The tables of one family as `iptables-save` shows them: our chains and other people's.
struct IptablesSnapshot: Sendable, Equatable {
  /// By their names. One that is not there has nothing in it.
  var tables: [String: IptablesTable] = [:]

  /// Whether there is a chain of ours, or a rule that leads to one.
  var hasOurs: Bool { tables.values.contains { !$0.ownChains.isEmpty || $0.jumps.contains { !$0.value.isEmpty } } }

  /// Whether there is a rule that is not ours. Chains without rules don't count: a mere look at a table with
  /// `iptables -L` makes the kernel's own.
  var hasOthers: Bool {
    tables.values.contains { $0.otherChains.values.contains { $0.contains { !$0.leadsToUs } } }
  }
}

/// A table of iptables: the rules of each chain, by the chain's name.
struct IptablesTable: Sendable, Equatable {
  var chains: [String: [IptablesRule]] = [:]

  /// What our chains' names begin with. All else is other people's, but for rules that lead to such a chain.
  static let ownPrefix = "ISTIO_CNI_"

  var ownChains: [String: [IptablesRule]] { chains.filter { $0.key.hasPrefix(Self.ownPrefix) } }
  var otherChains: [String: [IptablesRule]] { chains.filter { !$0.key.hasPrefix(Self.ownPrefix) } }

  /// The rules in other chains that lead to ours, by the chain that they stand in.
  var jumps: [String: [Jump]] {
    otherChains.mapValues { rules in
      rules.enumerated().filter(\.element.leadsToUs).map { index, rule in
        Jump(rule: rule, position: index + 1 == rules.count ? nil : index + 1)
      }
    }
  }

  struct Jump: Sendable, Equatable {
    let rule: IptablesRule
    /// Counted from 1; nil at the end of the chain.
    let position: Int?
  }
}

extension IptablesRule {
  /// Whether packets come from here to a chain of ours.
  fileprivate var leadsToUs: Bool { target?.hasPrefix(IptablesTable.ownPrefix) == true }
}

// MARK: - Reading

extension IptablesSnapshot {
  /// Reads what a program printed, all of it: half a picture would make us repair what is not broken.
  ///
  /// - Parameter program: whose output it is, for the error.
  init(parsing output: [UInt8], of program: String) throws(NetfilterError) {
    let unreadable = { (line: String) in
      let excerpt = line.prefix(80).map { $0.isNewline ? " " : "\($0)" }.joined()
      return NetfilterError(.program, "\(program) printed what cannot be read: \"\(excerpt)\"")
    }
    guard let lines = Self.lines(output) else { throw unreadable(String(decoding: output.suffix(80), as: UTF8.self)) }
    var open: String?
    for bytes in lines {
      let line = String(decoding: bytes, as: UTF8.self)
      switch (line.utf8.first, open) {
      case (nil, _): continue
      case (UInt8(ascii: "#"), _):
        // "# Table `nat' is incompatible, use 'nft' tool.": it goes on without a word of the table's rules.
        if line.split(separator: " ").contains("incompatible,") { throw unreadable(line) }
      case (UInt8(ascii: "*"), nil):
        let name = String(line.dropFirst())
        tables[name] = tables[name] ?? IptablesTable()
        open = name
      case (UInt8(ascii: ":"), let table?):
        let name = line.dropFirst().prefix { $0 != " " }
        tables[table]?.chains[String(name), default: []] += []
      case (UInt8(ascii: "-"), let table?):
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0] == "-A" else { throw unreadable(line) }
        // A rule that only counts packets may have no word.
        let rule = IptablesRule(words.count == 3 ? String(words[2]) : "")
        tables[table]?.chains[String(words[1]), default: []].append(rule)
      case (UInt8(ascii: "C"), _?) where line == "COMMIT": open = nil
      default: throw unreadable(line)
      }
    }
    if let open { throw NetfilterError(.program, "\(program) stopped before the end of table \(open)") }
  }

  /// A comment in quotes may hold line ends. Nil if a quote is left open.
  private static func lines(_ output: [UInt8]) -> [ArraySlice<UInt8>]? {
    var lines: [ArraySlice<UInt8>] = []
    var start = 0
    var isOpen = false
    var isEscaped = false
    for (index, byte) in output.enumerated() {
      switch byte {
      case _ where isEscaped: isEscaped = false
      case UInt8(ascii: "\\") where isOpen: isEscaped = true
      // Notes are no rules: what they quote need not end.
      case UInt8(ascii: "\"") where output[start] != UInt8(ascii: "#"): isOpen.toggle()
      case UInt8(ascii: "\n") where !isOpen:
        lines.append(output[start..<index])
        start = index + 1
      default: continue
      }
    }
    return isOpen ? nil : lines + [output[start...]]
  }
}
