import CLinux
import CNetlink
import SystemPackage

/// Policy rules of the namespace that a socket is bound to: which packet looks into which routing table.
package enum Rules {
  package enum Family: Sendable, Hashable, CaseIterable {
    case ipv4
    case ipv6
  }

  /// Makes packets with a mark look into a table; a rule that is there already is left alone.
  ///
  /// - Parameters:
  ///   - mark: the packet's mark, on the bits of `mask`.
  ///   - priority: rules are tried from the lowest number up; the main table comes at 32766.
  package static func add(
    _ family: Family, mark: UInt32, mask: UInt32 = .max, table: UInt32, priority: UInt32,
    through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let rule = try unsafe allocated(rtnl_rule_alloc(), "rtnl_rule")
    defer { unsafe rtnl_rule_put(rule) }
    unsafe rtnl_rule_set_family(rule, family == .ipv4 ? AF_INET : AF_INET6)
    unsafe rtnl_rule_set_mark(rule, mark)
    unsafe rtnl_rule_set_mask(rule, mask)
    unsafe rtnl_rule_set_table(rule, table)
    unsafe rtnl_rule_set_prio(rule, priority)
    unsafe rtnl_rule_set_action(rule, UInt8(FR_ACT_TO_TBL))
    let request = try unsafe Message(label: "add \(family) rule for mark \(mark)") {
      unsafe rtnl_rule_build_add_request(rule, NLM_F_CREATE | NLM_F_EXCL, $0)
    }
    do throws(NetlinkError) {
      try socket.send([request])
    } catch let error where error.errno == .fileExists {}
  }
}
