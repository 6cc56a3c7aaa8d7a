import CLinux
import Netlink
package import System

/// Rules of others in a namespace that meet the same packets as a redirect before or beside it: in chains of nf_tables
/// that translate or reroute at its hooks, or in tables of iptables-legacy that do.
///
/// Tables of iptables-nft that hold our own chains count as ours, with whatever else is in them.
package struct ForeignRules: Sendable, Equatable {
  /// `table ip nat`, `iptables-legacy table nat (IPv6)`; sorted.
  package let tables: [String]
  /// Whether it may be the redirect of another plugin, or of an init container, to the same proxy: a chain or table
  /// with Istio's names, or rules whose names are not known.
  package let mayRedirect: Bool

  /// Reads what is there; changes nothing.
  ///
  /// - Parameter backendName: of our own rules, to tell theirs from ours.
  package init(in namespace: borrowing NetworkNamespace, besides backendName: String) throws(NetfilterError) {
    let chains = try asNetfilterError { () throws(NetlinkError) in try Self.chains(in: namespace) }
    var tables = Set(chains.filter(\.steers).map(\.tableText))
    var mayRedirect = chains.contains { tables.contains($0.tableText) && $0.hasNameOfIstio }
    // The iptables back end may have put ours there.
    if backendName == "nftables" {
      let legacy: [LegacyTable]
      do throws(SystemError) {
        legacy = try namespace.legacyTables().filter { ["nat", "mangle"].contains($0.name) }
      } catch {
        throw NetfilterError(error)
      }
      tables.formUnion(legacy.map { "iptables-legacy table \($0.name) (\($0.isIPv6 ? "IPv6" : "IPv4"))" })
      if !legacy.isEmpty { mayRedirect = true }
    }
    self.tables = tables.sorted()
    self.mayRedirect = mayRedirect
  }

  private static func chains(in namespace: borrowing NetworkNamespace) throws(NetlinkError) -> [ForeignChain] {
    let netfilter = try NetlinkSocket.open(.netfilter, in: namespace)
    var chains: [(table: ForeignChain.Table, name: String, base: NftablesTable.Base?)] = []
    for message in try dump(NFT_MSG_GETCHAIN, "all chains", through: netfilter) {
      let attributes = AttributeReader(message.payload.dropFirst(4))
      guard let table = try ForeignChain.Table(message, attributes.string(NFTA_CHAIN_TABLE)),
        let name = try attributes.string(NFTA_CHAIN_NAME)
      else { continue }
      chains.append((table, name, try NftablesTable.Base(attributes)))
    }
    let own = Set(
      chains.filter { $0.table.isOurs || $0.name.hasPrefix(IptablesTable.ownPrefix) }.map(\.table))
    chains.removeAll { own.contains($0.table) }
    // Mostly there are none, and then nobody's rules need be read.
    if chains.isEmpty { return [] }
    var filled: [ForeignChain.Table: Set<String>] = [:]
    for message in try dump(NFT_MSG_GETRULE, "all rules", through: netfilter) {
      let attributes = AttributeReader(message.payload.dropFirst(4))
      guard let table = try ForeignChain.Table(message, attributes.string(NFTA_RULE_TABLE)),
        let chain = try attributes.string(NFTA_RULE_CHAIN)
      else { continue }
      filled[table, default: []].insert(chain)
    }
    return chains.map { table, name, base in
      ForeignChain(table: table, name: name, base: base, hasRules: filled[table]?.contains(name) == true)
    }
  }

  /// Asks for what there is of all tables and families.
  private static func dump(
    _ type: nf_tables_msg_types, _ what: String, through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) -> [Message] {
    try socket.dump(
      Message(
        type: UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type.rawValue), flags: 0,
        payload: [UInt8(NFPROTO_UNSPEC), UInt8(NFNETLINK_V0), 0, 0], label: "get \(what)"))
  }
}

/// A chain that is not ours, with what it holds.
private struct ForeignChain {
  let table: Table
  let name: String
  let base: NftablesTable.Base?
  let hasRules: Bool

  struct Table: Hashable {
    let family: UInt8
    let name: String
  }

  /// Whether it may send packets elsewhere at the hooks of a redirect.
  var steers: Bool {
    guard let base, [NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT].contains(where: { $0.rawValue == base.hook }) else {
      return false
    }
    // Mangle's chain at the output is of type route, the one at prerouting a filter.
    let isSteering = base.type == "nat" || base.type == "route" || base.type == "filter" && base.priority < 0
    return isSteering && (hasRules || base.policy != UInt32(NF_ACCEPT))
  }

  var tableText: String { "table \(Self.familyNames[table.family] ?? "\(table.family)") \(table.name)" }

  /// Source: istio/istio, tools/istio-iptables: chains `ISTIO_…` of iptables, tables `istio-proxy-…` of nftables.
  var hasNameOfIstio: Bool { name.hasPrefix("ISTIO_") || table.name.hasPrefix("istio-proxy") }

  static let familyNames: [UInt8: String] = [
    UInt8(NFPROTO_IPV4): "ip", UInt8(NFPROTO_IPV6): "ip6", UInt8(NFPROTO_INET): "inet",
  ]
}

extension ForeignChain.Table {
  /// - Parameter message: what it is in begins with the family, `nfgen_family`.
  fileprivate init?(_ message: Message, _ name: String?) {
    guard let family = message.payload.first, let name else { return nil }
    self.init(family: family, name: name)
  }

  fileprivate var isOurs: Bool { family == UInt8(NFPROTO_INET) && name == NftablesBatch.tableName }
}
