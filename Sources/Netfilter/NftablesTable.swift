import CLinux
import Netlink
import Redirect
import SystemPackage

/// Our table as the kernel has it, or as a ruleset wants it, in one form so that the two can be compared.
struct NftablesTable {
  struct Base: Hashable {
    let type: String
    let hook: UInt32
    let priority: Int32
    let policy: UInt32
  }

  struct Set: Hashable {
    let keyType: UInt32
    let isInterval: Bool
    /// The kernel hands them out in an order of its own.
    var elements: Swift.Set<NamedSet.Element>
  }

  struct Chain {
    /// Nil for a regular chain.
    let base: Base?
    var rules: [SpelledRule<[NftablesExpression]>]
  }

  /// Whether the kernel calls none of the chains, as `nft add table inet istio-cni { flags dormant; }` makes it.
  var isDormant = false
  var sets: [String: Set] = [:]
  var chains: [String: Chain] = [:]

  /// The table that `NftablesBatch` makes of a ruleset.
  init(_ ruleset: Ruleset) {
    for set in ruleset.sets {
      sets[set.name] = Set(
        keyType: set.layout.typeNumber, isInterval: set.layout.hasRanges, elements: Swift.Set(set.keys))
    }
    for chain in ruleset.chains {
      let base = chain.hook.map { hook in
        Base(
          type: chain.nftablesType(hook), hook: hook.number, priority: chain.stage.nftablesPriority,
          policy: UInt32(NF_ACCEPT))
      }
      chains[chain.name] = Chain(
        base: base, rules: chain.rules.map { SpelledRule($0.nftablesExpressions, comment: $0.comment) })
    }
  }

  /// What in `found` differs.
  func differences(in found: NftablesTable) -> [Difference] {
    if found.chains.isEmpty, found.sets.isEmpty {
      return [Difference(.missing, "table inet \(NftablesBatch.tableName)")]
    }
    let table = isDormant == found.isDormant ? [] : [Difference(.changed, "table inet \(NftablesBatch.tableName)")]
    return table
      + Difference.entries("set", wanted: sets, found: found.sets) { $0 == $1 ? [] : [Difference(.changed, $2)] }
      + Difference.entries("chain", wanted: chains, found: found.chains) { wanted, found, object in
        (wanted.base == found.base ? [] : [Difference(.changed, object)])
          + Difference.rules(of: String(object.dropFirst("chain ".count)), wanted: wanted.rules, found: found.rules)
      }
  }
}

// MARK: - Reading back

extension NftablesTable {
  /// Reads the table of the namespace that a socket is bound to; empty if there is none.
  init(through socket: borrowing NetlinkSocket) throws(NetlinkError) {
    guard let table = try Self.table(through: socket) else { return }
    try read([table])
    try read(Self.dump(NFT_MSG_GETCHAIN, "chains", NFTA_CHAIN_TABLE, through: socket))
    try read(Self.dump(NFT_MSG_GETRULE, "rules", NFTA_RULE_TABLE, through: socket))
    try read(Self.dump(NFT_MSG_GETSET, "sets", NFTA_SET_TABLE, through: socket))
    for name in sets.keys {
      let request = NftablesBatch.message(NFT_MSG_GETSETELEM, label: "get elements of set \(name)") {
        $0.append(NFTA_SET_ELEM_LIST_TABLE, string: NftablesBatch.tableName)
        $0.append(NFTA_SET_ELEM_LIST_SET, string: name)
      }
      try read(socket.dump(request))
    }
  }

  /// Reads the messages that make a table, as we write them or as the kernel gives them back: it uses the same. Each
  /// comes after those of what it is a part of.
  init(_ messages: [Message]) throws(NetlinkError) {
    try read(messages)
  }

  private mutating func read(_ messages: [Message]) throws(NetlinkError) {
    for message in messages where message.type >> 8 == UInt16(NFNL_SUBSYS_NFTABLES) {
      // Behind the four bytes of `struct nfgenmsg`.
      let attributes = AttributeReader(message.payload.dropFirst(4))
      switch UInt32(message.type & 0xff) {
      case NFT_MSG_NEWTABLE.rawValue:
        isDormant = (try attributes.bigEndian(NFTA_TABLE_FLAGS) ?? 0) & NFT_TABLE_F_DORMANT.rawValue != 0
      case NFT_MSG_NEWCHAIN.rawValue:
        // Older kernels give the chains of all tables.
        guard try attributes.string(NFTA_CHAIN_TABLE) == NftablesBatch.tableName,
          let name = try attributes.string(NFTA_CHAIN_NAME)
        else { continue }
        chains[name] = Chain(base: try Base(attributes), rules: [])
      case NFT_MSG_NEWRULE.rawValue:
        guard try attributes.string(NFTA_RULE_TABLE) == NftablesBatch.tableName,
          let chain = try attributes.string(NFTA_RULE_CHAIN)
        else { continue }
        chains[chain]?.rules.append(try SpelledRule(attributes))
      case NFT_MSG_NEWSET.rawValue:
        guard try attributes.string(NFTA_SET_TABLE) == NftablesBatch.tableName,
          let name = try attributes.string(NFTA_SET_NAME)
        else { continue }
        sets[name] = Set(
          keyType: try attributes.bigEndian(NFTA_SET_KEY_TYPE) ?? 0,
          isInterval: (try attributes.bigEndian(NFTA_SET_FLAGS) ?? 0) & NFT_SET_INTERVAL.rawValue != 0,
          elements: [])
      case NFT_MSG_NEWSETELEM.rawValue:
        guard let name = try attributes.string(NFTA_SET_ELEM_LIST_SET) else { continue }
        for element in try attributes.nested(NFTA_SET_ELEM_LIST_ELEMENTS)?.all() ?? [] {
          if let element = try NamedSet.Element(element.nested()) { sets[name]?.elements.insert(element) }
        }
      default: continue
      }
    }
  }

  /// Asks for the table itself; nil if there is none.
  static func table(through socket: borrowing NetlinkSocket) throws(NetlinkError) -> Message? {
    do throws(NetlinkError) {
      return try socket.ask(
        NftablesBatch.message(NFT_MSG_GETTABLE, label: "get table \(NftablesBatch.tableName)") {
          $0.append(NFTA_TABLE_NAME, string: NftablesBatch.tableName)
        })
    } catch let error where error.errno == .noSuchFileOrDirectory {
      return nil
    }
  }

  private static func dump(
    _ type: nf_tables_msg_types, _ what: String, _ tableAttribute: some RawRepresentable<UInt32>,
    through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) -> [Message] {
    do throws(NetlinkError) {
      return try socket.dump(
        NftablesBatch.message(type, label: "get \(what) of table \(NftablesBatch.tableName)") {
          $0.append(tableAttribute, string: NftablesBatch.tableName)
        })
    } catch let error where error.errno == .noSuchFileOrDirectory {
      return []
    }
  }
}

extension NftablesTable.Base {
  /// Nil for a regular chain.
  init?(_ attributes: AttributeReader) throws(NetlinkError) {
    guard let hook = try attributes.nested(NFTA_CHAIN_HOOK) else { return nil }
    self.init(
      type: try attributes.string(NFTA_CHAIN_TYPE) ?? "", hook: try hook.bigEndian(NFTA_HOOK_HOOKNUM) ?? .max,
      priority: Int32(bitPattern: try hook.bigEndian(NFTA_HOOK_PRIORITY) ?? 0),
      policy: try attributes.bigEndian(NFTA_CHAIN_POLICY) ?? .max)
  }
}

extension SpelledRule<[NftablesExpression]> {
  fileprivate init(_ attributes: AttributeReader) throws(NetlinkError) {
    var expressions: [NftablesExpression] = []
    for element in try attributes.nested(NFTA_RULE_EXPRESSIONS)?.all() ?? [] {
      let attributes = element.nested()
      let name = try attributes.string(NFTA_EXPR_NAME) ?? ""
      // Counts, and decides nothing.
      if name == "counter" { continue }
      expressions.append(
        try NftablesExpression(name, try attributes.first(UInt16(NFTA_EXPR_DATA.rawValue))?.value ?? []))
    }
    let userData = try attributes.first(UInt16(NFTA_RULE_USERDATA.rawValue))?.value ?? []
    self.init(expressions, comment: Self.comment(in: userData))
  }

  /// The comment where `nft` writes it: type 0 of libnftnl's user data, length, text with its NUL.
  private static func comment(in userData: ArraySlice<UInt8>) -> String {
    var rest = userData
    while rest.count >= 2 {
      let type = rest[rest.startIndex]
      let length = Int(rest[rest.startIndex + 1])
      let value = rest.dropFirst(2).prefix(length)
      if type == 0 { return String(decoding: value.prefix { $0 != 0 }, as: UTF8.self) }
      rest = rest.dropFirst(2 + length)
    }
    return ""
  }
}

extension NamedSet.Element {
  /// Nil for one without a key.
  fileprivate init?(_ attributes: AttributeReader) throws(NetlinkError) {
    guard let key = try attributes.nested(NFTA_SET_ELEM_KEY)?.first(UInt16(NFTA_DATA_VALUE.rawValue)) else {
      return nil
    }
    let flags = try attributes.bigEndian(NFTA_SET_ELEM_FLAGS) ?? 0
    self.init(key: Array(key.value), endsRange: flags & NFT_SET_ELEM_INTERVAL_END.rawValue != 0)
  }
}
