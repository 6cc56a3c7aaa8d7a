import CLinux
import CNetlink
import SystemPackage

/// Policy rules of the namespace that a socket is bound to: which packet looks into which routing table.
package enum Rules {
  package enum Family: Sendable, Hashable, CaseIterable, CustomStringConvertible {
    case ipv4
    case ipv6

    /// Not left to reflection: that takes as long as all the rest of a pod's redirect.
    package var description: String { self == .ipv4 ? "ipv4" : "ipv6" }

    fileprivate var number: CInt { self == .ipv4 ? AF_INET : AF_INET6 }
  }

  /// Makes packets with a mark look into a table; a rule that is there already is left alone.
  package static func add(
    _ family: Family, _ rule: MarkRule, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let object = try unsafe rule.allocated(family)
    defer { unsafe rtnl_rule_put(object) }
    let request = try unsafe Message(label: "add \(family) rule for mark \(rule.mark)") {
      unsafe rtnl_rule_build_add_request(object, NLM_F_CREATE | NLM_F_EXCL, $0)
    }
    do throws(NetlinkError) {
      try socket.send([request])
    } catch let error where error.errno == .fileExists {}
  }

  /// Takes a rule away.
  ///
  /// - Throws: `ENOENT` if there is none.
  package static func remove(
    _ family: Family, _ rule: MarkRule, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let object = try unsafe rule.allocated(family)
    defer { unsafe rtnl_rule_put(object) }
    let request = try unsafe Message(label: "remove \(family) rule for mark \(rule.mark)") {
      unsafe rtnl_rule_build_delete_request(object, 0, $0)
    }
    try socket.send([request])
  }

  /// The rules of a family that ask for a mark.
  package static func list(
    _ family: Family, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) -> [MarkRule] {
    var header = [UInt8](repeating: 0, count: MemoryLayout<fib_rule_hdr>.size)
    header[0] = UInt8(family.number)
    let request = Message(
      type: UInt16(RTM_GETRULE), flags: 0, payload: header, label: "get \(family) rules", wantsAck: false)
    var rules: [MarkRule] = []
    for message in try socket.dump(request) {
      if let rule = try MarkRule(message) { rules.append(rule) }
    }
    return rules
  }
}

/// A policy rule that sends packets with a mark to a routing table.
package struct MarkRule: Sendable, Hashable {
  /// The packet's mark, on the bits of `mask`.
  package let mark: UInt32
  package let mask: UInt32
  package let table: UInt32
  /// Rules are tried from the lowest number up; the main table comes at 32766.
  package let priority: UInt32

  package init(mark: UInt32, mask: UInt32 = .max, table: UInt32, priority: UInt32) {
    self.mark = mark
    self.mask = mask
    self.table = table
    self.priority = priority
  }

  /// Nil for a rule that asks for no mark.
  fileprivate init?(_ message: Message) throws(NetlinkError) {
    let header = try message.header(fib_rule_hdr.self)
    let attributes = message.attributes(after: fib_rule_hdr.self)
    guard let mark = try attributes.first(UInt16(FRA_FWMARK)) else { return nil }
    let table = try attributes.first(UInt16(FRA_TABLE))
    let priority = try attributes.first(UInt16(FRA_PRIORITY))
    let mask = try attributes.first(UInt16(FRA_FWMASK))
    self.init(
      mark: try mark.integer(), mask: try mask?.integer() ?? .max, table: try table?.integer() ?? UInt32(header.table),
      priority: try priority?.integer() ?? 0)
  }

  /// Libnl's object for this rule; the caller puts it back.
  fileprivate func allocated(_ family: Rules.Family) throws(NetlinkError) -> OpaquePointer {
    let rule = try unsafe Netlink.allocated(rtnl_rule_alloc(), "rtnl_rule")
    unsafe rtnl_rule_set_family(rule, family.number)
    unsafe rtnl_rule_set_mark(rule, mark)
    unsafe rtnl_rule_set_mask(rule, mask)
    unsafe rtnl_rule_set_table(rule, table)
    unsafe rtnl_rule_set_prio(rule, priority)
    unsafe rtnl_rule_set_action(rule, UInt8(FR_ACT_TO_TBL))
    return unsafe rule
  }
}
