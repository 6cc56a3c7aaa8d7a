import CLinux
package import Netlink
package import Redirect

/// A ruleset as one nf_tables transaction: the kernel takes all of it or nothing.
package enum NftablesBatch {
  /// The one table, of the family that sees IPv4 and IPv6.
  package static let tableName = "istio-cni"

  /// The messages that make the table with `ruleset` in it; EEXIST when there is one.
  package static func creating(_ ruleset: Ruleset) -> [Message] {
    transaction([table(NFT_MSG_NEWTABLE, flags: NLM_F_CREATE | NLM_F_EXCL)] + contents(of: ruleset))
  }

  /// The messages that put `ruleset` in place of whatever the table holds.
  ///
  /// The table is added first so that deleting it cannot fail; packets never see the state in between.
  package static func replacing(with ruleset: Ruleset) -> [Message] {
    let add = table(NFT_MSG_NEWTABLE, flags: NLM_F_CREATE)
    return transaction([add, table(NFT_MSG_DELTABLE), add] + contents(of: ruleset))
  }

  private static func contents(of ruleset: Ruleset) -> [Message] {
    ruleset.sets.enumerated().flatMap { set($1, id: UInt32($0 + 1)) }
      + ruleset.chains.map { chain($0) }
      + rules(of: ruleset)
  }

  /// The messages that take the table away; ENOENT when there is none.
  package static func removal() -> [Message] {
    transaction([table(NFT_MSG_DELTABLE)])
  }

  /// The messages that find out whether the kernel makes NAT chains for both families at once: a table with one, made
  /// and deleted in one transaction.
  static func probing() -> [Message] {
    let name = "\(tableName)-probe"
    return transaction([
      table(NFT_MSG_NEWTABLE, flags: NLM_F_CREATE, name: name), chain(Chain(.nat, .output), table: name),
      table(NFT_MSG_DELTABLE, name: name),
    ])
  }

  private static func transaction(_ messages: [Message]) -> [Message] {
    [boundary(NFNL_MSG_BATCH_BEGIN)] + messages + [boundary(NFNL_MSG_BATCH_END)]
  }

  /// Begin and end of a transaction name the subsystem in `res_id` (linux/netfilter/nfnetlink.h).
  private static func boundary(_ type: Int32) -> Message {
    let subsystem = UInt16(NFNL_SUBSYS_NFTABLES)
    return Message(
      type: UInt16(type), flags: 0,
      payload: [UInt8(AF_UNSPEC), UInt8(NFNETLINK_V0), UInt8(subsystem >> 8), UInt8(truncatingIfNeeded: subsystem)],
      label: "the transaction for table \(tableName)", wantsAck: false)
  }

  static func message(
    _ type: nf_tables_msg_types, flags: Int32 = 0, label: String, _ body: (inout Attributes) -> Void
  ) -> Message {
    var attributes = Attributes()
    body(&attributes)
    return Message(
      type: UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type.rawValue), flags: UInt16(flags),
      payload: [UInt8(NFPROTO_INET), UInt8(NFNETLINK_V0), 0, 0] + attributes.bytes, label: label)
  }

  private static func table(
    _ type: nf_tables_msg_types, flags: Int32 = 0, name: String = tableName
  ) -> Message {
    message(type, flags: flags, label: "table \(name)") {
      $0.append(NFTA_TABLE_NAME, string: name)
    }
  }

  private static func chain(_ chain: Chain, table: String = tableName) -> Message {
    message(NFT_MSG_NEWCHAIN, flags: NLM_F_CREATE, label: "chain \(chain.name)") {
      $0.append(NFTA_CHAIN_TABLE, string: table)
      $0.append(NFTA_CHAIN_NAME, string: chain.name)
      guard let hook = chain.hook else { return }
      $0.nest(NFTA_CHAIN_HOOK) {
        $0.append(NFTA_HOOK_HOOKNUM, bigEndian: hook.number)
        $0.append(NFTA_HOOK_PRIORITY, bigEndian: UInt32(bitPattern: chain.stage.nftablesPriority))
      }
      $0.append(NFTA_CHAIN_POLICY, bigEndian: UInt32(NF_ACCEPT))
      $0.append(NFTA_CHAIN_TYPE, string: chain.nftablesType(hook))
    }
  }

  /// An attribute's length has 16 bits; elements beyond this many go in further messages.
  private static let elementsPerMessage = 1000

  private static func set(_ set: NamedSet, id: UInt32) -> [Message] {
    let layout = set.layout
    let declaration = message(NFT_MSG_NEWSET, flags: NLM_F_CREATE, label: "set \(set.name)") {
      $0.append(NFTA_SET_TABLE, string: tableName)
      $0.append(NFTA_SET_NAME, string: set.name)
      $0.append(NFTA_SET_FLAGS, bigEndian: layout.hasRanges ? NFT_SET_INTERVAL.rawValue : 0)
      $0.append(NFTA_SET_KEY_TYPE, bigEndian: layout.typeNumber)
      $0.append(NFTA_SET_KEY_LEN, bigEndian: layout.keyLength)
      $0.append(NFTA_SET_ID, bigEndian: id)
      if layout.isHostEndian { $0.append(NFTA_SET_USERDATA, hostEndianKeys) }
    }
    let keys = set.keys
    let elements = stride(from: 0, to: keys.count, by: elementsPerMessage).map { start in
      message(NFT_MSG_NEWSETELEM, flags: NLM_F_CREATE, label: "elements of set \(set.name)") {
        $0.append(NFTA_SET_ELEM_LIST_TABLE, string: tableName)
        $0.append(NFTA_SET_ELEM_LIST_SET, string: set.name)
        $0.nest(NFTA_SET_ELEM_LIST_ELEMENTS) {
          for key in keys[start..<min(start + elementsPerMessage, keys.count)] {
            $0.nest(NFTA_LIST_ELEM) {
              $0.nest(NFTA_SET_ELEM_KEY) { $0.append(NFTA_DATA_VALUE, key.key) }
              if key.endsRange { $0.append(NFTA_SET_ELEM_FLAGS, bigEndian: NFT_SET_ELEM_INTERVAL_END.rawValue) }
            }
          }
        }
      }
    }
    return [declaration] + elements
  }

  /// How `nft` learns that keys are in the machine's byte order: type 0 of libnftnl's user data for sets, length, the
  /// number 1. It prints them the wrong way round without.
  private static let hostEndianKeys: [UInt8] = [0, 4] + UInt32(1).nativeBytes

  private static func rules(of ruleset: Ruleset) -> [Message] {
    var number = 0
    return ruleset.chains.flatMap { chain in
      chain.rules.map { rule in
        number += 1
        let label = "rule \(number) of \(ruleset.ruleCount) (\(rule.comment))"
        return message(NFT_MSG_NEWRULE, flags: NLM_F_CREATE | NLM_F_APPEND, label: label) {
          $0.append(NFTA_RULE_TABLE, string: tableName)
          $0.append(NFTA_RULE_CHAIN, string: chain.name)
          $0.nest(NFTA_RULE_EXPRESSIONS) {
            for expression in rule.nftablesExpressions {
              $0.nest(NFTA_LIST_ELEM) {
                $0.append(NFTA_EXPR_NAME, string: expression.name)
                $0.nest(NFTA_EXPR_DATA) { expression.append(to: &$0) }
              }
            }
          }
          $0.append(NFTA_RULE_USERDATA, comment(rule.comment))
        }
      }
    }
  }

  /// A comment where `nft` looks for it: type 0 of libnftnl's user data, length, text with its NUL.
  private static func comment(_ text: String) -> [UInt8] {
    let text = text.utf8.prefix(127) + [0]
    return [0, UInt8(text.count)] + text
  }
}

extension Chain.Hook {
  var number: UInt32 {
    switch self {
    case .prerouting: NF_INET_PRE_ROUTING.rawValue
    case .output: NF_INET_LOCAL_OUT.rawValue
    }
  }
}
