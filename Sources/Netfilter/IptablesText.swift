package import Redirect

extension Ruleset {
  /// The ruleset as input for `iptables-restore --noflush`, or for `ip6tables-restore --noflush`, in a namespace that
  /// has no chain of ours.
  package func iptablesText(_ family: IPFamily) -> String {
    IptablesSnapshot().script(to: IptablesSnapshot(self, family)) ?? ""
  }
}

extension IptablesSnapshot {
  /// What `iptables-save` shows of a ruleset.
  ///
  /// The kernel's own chains get one rule each, the jump to our base chain. A table has the same chains in both
  /// families, even one that is empty in this family.
  init(_ ruleset: Ruleset, _ family: IPFamily) {
    for chain in ruleset.chains {
      let table = chain.stage.rawValue
      let name = chain.name.iptablesChain
      tables[table, default: IptablesTable()].chains[name] = chain.rules.flatMap { $0.iptablesRules(family, ruleset) }
      if let hook = chain.hook {
        tables[table]?.chains[hook.rawValue.uppercased()] = [IptablesRule("-j \(name)")]
      }
    }
  }
}

extension String {
  /// A neutral chain's name in iptables, `ISTIO_CNI_NAT_OUTPUT`: at most 28 bytes (XT_EXTENSION_MAXNAMELEN less its
  /// NUL, linux/netfilter/x_tables.h).
  fileprivate var iptablesChain: String {
    IptablesTable.ownPrefix + String(map { $0 == "-" ? "_" : $0 }).uppercased()
  }
}

extension Rule {
  /// The rule in one family; none where it could not match.
  ///
  /// For want of sets each combination of their parts is a rule of its own. The parts of a set have nothing in common,
  /// so a verdict that goes on with the next rule comes once all the same.
  fileprivate func iptablesRules(_ family: IPFamily, _ ruleset: Ruleset) -> [IptablesRule] {
    let transport = matches.lazy.compactMap { if case .transport(.equal, let value) = $0 { value } else { nil } }.first
    var combinations: [[IptablesCondition]] = [[]]
    for match in matches {
      let alternatives = match.iptablesAlternatives(family, ruleset, transport)
      combinations = combinations.flatMap { begun in alternatives.map { begun + ($0.map { [$0] } ?? []) } }
    }
    let comment = comment.isEmpty ? [] : ["-m comment --comment \(comment.iptablesWord)"]
    return combinations.map { conditions in
      let words = IptablesCondition.Place.allCases.flatMap { place in
        conditions.filter { $0.place == place }.map(\.text)
      }
      return IptablesRule((words + comment + [verdict.iptablesText(family)]).joined(separator: " "))
    }
  }
}

/// One option of a rule.
private struct IptablesCondition {
  /// `iptables-save` prints first what every packet has, in this order and each at most once, then the others as they
  /// were given.
  enum Place: CaseIterable {
    case source
    case destination
    case input
    case output
    case transport
    case others
  }

  let place: Place
  let text: String

  init(_ place: Place, _ comparison: Comparison, _ text: String) {
    self.place = place
    self.text = "\(comparison.iptablesText)\(text)"
  }

  init(_ module: String, _ comparison: Comparison, _ text: String) {
    place = .others
    self.text = "-m \(module) \(comparison.iptablesText)\(text)"
  }
}

extension Match {
  /// The conditions of which one must hold for the match to hold; nil always holds.
  fileprivate func iptablesAlternatives(
    _ family: IPFamily, _ ruleset: Ruleset, _ transport: Transport?
  ) -> [IptablesCondition?] {
    // Rules that match a port match its transport, too.
    let transportModule = transport?.rawValue ?? "tcp"
    let elements = { (set: String) in ruleset.set(set)?.elements }
    switch self {
    case .transport(let comparison, let transport):
      return [IptablesCondition(.transport, comparison, "-p \(transport.rawValue)")]
    case .inputInterface(let comparison, let name): return [IptablesCondition(.input, comparison, "-i \(name)")]
    case .outputInterface(let comparison, let name): return [IptablesCondition(.output, comparison, "-o \(name)")]
    case .source(let comparison, let prefix): return prefix.iptablesAlternatives(family, comparison, .source)
    case .destination(let comparison, let prefix): return prefix.iptablesAlternatives(family, comparison, .destination)
    case .sourceInSet(_, let set):
      return elements(set)?.prefixes.flatMap { $0.iptablesAlternatives(family, .equal, .source) } ?? []
    case .destinationInSet(_, let set):
      return elements(set)?.prefixes.flatMap { $0.iptablesAlternatives(family, .equal, .destination) } ?? []
    case .sourcePort(let comparison, let port):
      return [IptablesCondition(transportModule, comparison, "--sport \(port)")]
    case .destinationPort(let comparison, let port):
      return [IptablesCondition(transportModule, comparison, "--dport \(port)")]
    case .destinationPortInSet(let set):
      return elements(set)?.portLists.map { IptablesCondition("multiport", .equal, "--dports \($0)") } ?? []
    case .user(let user): return [IptablesCondition("owner", .equal, "--uid-owner \(user)")]
    case .group(let group): return [IptablesCondition("owner", .equal, "--gid-owner \(group)")]
    case .groupInSet(let set):
      return elements(set)?.groups.map { IptablesCondition("owner", .equal, "--gid-owner \($0)") } ?? []
    case .mark(let comparison, let mark):
      return [IptablesCondition("mark", comparison, "--mark \(mark.iptablesText)")]
    case .connectionMark(let comparison, let mark):
      return [IptablesCondition("connmark", comparison, "--mark \(mark.iptablesText)")]
    case .connection(let states):
      let names = ConnectionState.iptablesOrder.filter(states.contains).map { $0.rawValue.uppercased() }
      return names.isEmpty ? [] : [IptablesCondition("conntrack", .equal, "--ctstate \(names.joined(separator: ","))")]
    case .isForeign: return [IptablesCondition("addrtype", .notEqual, "--dst-type LOCAL")]
    case .isReply: return [IptablesCondition("conntrack", .equal, "--ctdir REPLY")]
    }
  }
}

extension CIDR {
  fileprivate func iptablesAlternatives(
    _ family: IPFamily, _ comparison: Comparison, _ end: IptablesCondition.Place
  ) -> [IptablesCondition?] {
    guard family == self.family else { return [] }
    // All addresses of the family are no condition: `iptables-save` leaves that out.
    if prefixLength == 0 { return comparison == .equal ? [nil] : [] }
    return [IptablesCondition(end, comparison, "\(end == .source ? "-s" : "-d") \(self)")]
  }
}

extension NamedSet.Elements {
  fileprivate var prefixes: [CIDR] {
    if case .addresses(_, let ranges) = self { ranges.flatMap(\.prefixes) } else { [] }
  }

  fileprivate var groups: [GroupID] {
    if case .groups(let groups) = self { groups } else { [] }
  }

  /// The ports in lists for `-m multiport`, which has 15 places (XT_MULTI_PORTS,
  /// linux/netfilter/xt_multiport.h), two of them for a range.
  fileprivate var portLists: [String] {
    guard case .ports(let ports) = self else { return [] }
    var lists: [String] = []
    var free = 0
    for range in ports.ranges {
      let isRange = range.lowerBound != range.upperBound
      let places = isRange ? 2 : 1
      let text = isRange ? "\(range.lowerBound):\(range.upperBound)" : "\(range.lowerBound)"
      if free >= places, let last = lists.popLast() {
        lists.append("\(last),\(text)")
      } else {
        lists.append(text)
        free = 15
      }
      free -= places
    }
    return lists
  }
}

extension Verdict {
  fileprivate func iptablesText(_ family: IPFamily) -> String {
    switch self {
    case .return: "-j RETURN"
    case .goto(let chain): "-g \(chain.iptablesChain)"
    case .drop: "-j DROP"
    case .redirect(let port): "-j REDIRECT --to-ports \(port)"
    // A mask of 0 leaves the packet's mark as an earlier rule set it. Without a listener this drops.
    case .transparentProxy(let port):
      "-j TPROXY --on-port \(port) --on-ip \(IPAddress(family, 0)) --tproxy-mark 0x0/0x0"
    case .setMark(let mark): "-j MARK --set-xmark \(mark.iptablesText)/0xffffffff"
    case .saveMark: "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff"
    case .setZone(let zone): "-j CT --zone \(zone)"
    }
  }
}

extension Comparison {
  fileprivate var iptablesText: String { self == .equal ? "" : "! " }
}

extension UInt32 {
  fileprivate var iptablesText: String { "0x\(String(self, radix: 16))" }
}

extension ConnectionState {
  /// As `iptables-save` lists them.
  fileprivate static let iptablesOrder: [ConnectionState] = [.invalid, .new, .related, .established]
}
