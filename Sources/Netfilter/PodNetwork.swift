import Netlink
import Redirect
import System
import SystemPackage

/// What a redirect needs of a pod's network beside rules: an address on `lo`, and for TPROXY the policy rules and
/// routes that deliver marked packets to the pod itself. Each is harmless alone, and making it again changes nothing.
enum PodNetwork {
  /// Before the main table's 32766: where the kernel puts a rule that names no priority, such as Istio's.
  fileprivate static let rulePriority: UInt32 = 32765

  private static let families: [(family: Rules.Family, everything: String)] = [(.ipv4, "0.0.0.0/0"), (.ipv6, "::/0")]

  /// - Parameter route: a socket of the pod's namespace.
  /// - Returns: Whether this is the namespace's first redirect, so that a failure may take all of it away again.
  /// - Throws: what was refused. What was made by then is gone if it was the first.
  static func prepare(_ ruleset: Ruleset, through route: borrowing NetlinkSocket) throws(NetlinkError) -> Bool {
    var isFirst = false
    for address in ruleset.localAddresses {
      try tolerating(address.isRequired, through: route) { () throws(NetlinkError) in
        isFirst =
          try Addresses.add(address.prefix.description, to: .loopback, through: route, existing: .accept) || isFirst
      }
    }
    do throws(NetlinkError) {
      try prepareDelivery(ruleset, through: route)
    } catch {
      if isFirst { undo(through: route) }
      throw error
    }
    return isFirst
  }

  /// Takes away what `prepare` has made for a first redirect that then failed.
  static func undo(through route: borrowing NetlinkSocket) {
    // The error that matters is the one on its way.
    try? cleanUp(after: nil, through: route)
  }

  private static func prepareDelivery(
    _ ruleset: Ruleset, through route: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    guard let delivery = ruleset.localDelivery else { return }
    // Routes need it, and not every runtime has done it by now.
    try Links.setUp(.loopback, through: route)
    for (family, everything) in families {
      try tolerating(family == .ipv4 || ruleset.requiresIPv6, through: route) { () throws(NetlinkError) in
        try Rules.add(family, delivery.rule, through: route)
        try Routes.addLocal(everything, table: delivery.routingTable, existing: .accept, through: route)
      }
    }
  }

  /// Takes out what an earlier ruleset needed and `ruleset` does not; with nil, all of it.
  static func cleanUp(after ruleset: Ruleset?, through route: borrowing NetlinkSocket) throws(NetlinkError) {
    if ruleset == nil {
      try ignoringAbsence { () throws(NetlinkError) in
        let address = LocalAddress.proxySource(isRequired: false).prefix
        try Addresses.remove(address.description, from: .loopback, through: route)
      }
    }
    guard ruleset?.localDelivery == nil else { return }
    let delivery = LocalDelivery.transparentProxy
    for (family, everything) in families {
      try ignoringAbsence { () throws(NetlinkError) in try Rules.remove(family, delivery.rule, through: route) }
      try ignoringAbsence { () throws(NetlinkError) in
        try Routes.removeLocal(everything, table: delivery.routingTable, through: route)
      }
    }
  }

  static func drift(
    from ruleset: Ruleset, through route: borrowing NetlinkSocket
  ) throws(NetlinkError) -> [Difference] {
    let present = try Addresses.list(through: route)
    let requiresIPv6 = ruleset.requiresIPv6 || present.contains(where: \.isUsedIPv6)
    var differences: [Difference] = []
    for address in ruleset.localAddresses where requiresIPv6 {
      if !present.contains(where: { $0.interface == .loopback && $0.text == address.prefix.description }) {
        differences.append(Difference(.missing, "address \(address.prefix) on lo"))
      }
    }
    let delivery = LocalDelivery.transparentProxy
    for (family, everything) in families where family == .ipv4 || requiresIPv6 {
      let count = try Rules.list(family, through: route).count { $0.mark == delivery.mark }
      let hasRoute = try Routes.hasLocal(everything, table: delivery.routingTable, through: route)
      let rule = "policy rule for mark \(delivery.mark) (\(everything))"
      let path = "route to \(everything) in table \(delivery.routingTable)"
      if ruleset.localDelivery == nil {
        if count > 0 { differences.append(Difference(.extra, rule)) }
        if hasRoute { differences.append(Difference(.extra, path)) }
      } else {
        if count != 1 { differences.append(Difference(count == 0 ? .missing : .extra, rule)) }
        if !hasRoute { differences.append(Difference(.missing, path)) }
      }
    }
    return differences
  }

  /// Does without what is for IPv6 where the kernel has none, unless the pod has an address that could miss it.
  ///
  /// EACCES: IPv6 is off for `lo` (net.ipv6.conf.lo.disable_ipv6). EOPNOTSUPP, EAFNOSUPPORT: it is off in this kernel.
  private static func tolerating(
    _ isRequired: Bool, through socket: borrowing NetlinkSocket, _ body: () throws(NetlinkError) -> Void
  ) throws(NetlinkError) {
    do throws(NetlinkError) {
      try body()
    } catch let error where !isRequired && error.errno.map(unavailable.contains) == true {
      if try Addresses.list(through: socket).contains(where: \.isUsedIPv6) { throw error }
    }
  }

  private static let unavailable: [Errno] = [.permissionDenied, .notSupported, .addressFamilyNotSupported]

  /// ENOENT: no such rule. ESRCH: no such route. EADDRNOTAVAIL: no such address.
  private static func ignoringAbsence(_ body: () throws(NetlinkError) -> Void) throws(NetlinkError) {
    do throws(NetlinkError) {
      try body()
    } catch let error
      where error.errno == .noSuchFileOrDirectory || error.errno == .noSuchProcess
      || error.errno == .addressNotAvailable || error.errno.map(unavailable.contains) == true
    {}
  }
}

extension Ruleset {
  /// Whether the pod is known to have an IPv6 address.
  var requiresIPv6: Bool { localAddresses.contains { $0.isRequired && $0.prefix.family == .v6 } }
}

extension LocalDelivery {
  fileprivate var rule: MarkRule {
    MarkRule(mark: mark, table: routingTable, priority: PodNetwork.rulePriority)
  }
}

extension InterfaceAddress {
  /// Whether it is an IPv6 address that others can reach the pod at: not on `lo`, and not of the link alone.
  var isUsedIPv6: Bool {
    text.utf8.contains(UInt8(ascii: ":")) && interface != .loopback && !text.hasPrefix("fe80:")
  }
}
