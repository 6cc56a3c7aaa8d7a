import CLinux
import SystemPackage

/// The connections that the kernel tracks (conntrack) in the namespace that a netlink socket is bound to.
package enum TrackedConnections {
  /// Makes connections known that began unseen: as established, and without NAT. What the kernel knows of any of them
  /// stays as it is.
  ///
  /// - Throws: the first refusal; it keeps no other connection from being added.
  package static func add(
    _ connections: [TCPConnection], through socket: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    do throws(NetlinkError) {
      try socket.send(connections.map(addition))
    } catch let error where error.errno == .fileExists {}
  }

  static func addition(_ connection: TCPConnection) -> Message {
    var attributes = Attributes()
    attributes.nest(CTA_TUPLE_ORIG) { append(from: connection.client, to: connection.server, &$0) }
    attributes.nest(CTA_TUPLE_REPLY) { append(from: connection.server, to: connection.client, &$0) }
    let status = IPS_CONFIRMED.rawValue | IPS_SEEN_REPLY.rawValue | IPS_ASSURED.rawValue
    attributes.append(UInt16(CTA_STATUS.rawValue), bigEndian: status)
    attributes.append(UInt16(CTA_TIMEOUT.rawValue), bigEndian: UInt32(timeout.components.seconds))
    attributes.nest(CTA_PROTOINFO) {
      $0.nest(CTA_PROTOINFO_TCP) {
        $0.append(UInt16(CTA_PROTOINFO_TCP_STATE.rawValue), UInt8(TCP_CONNTRACK_ESTABLISHED.rawValue))
        // Nobody has seen the handshake, which says how windows are scaled.
        for flags in [CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, CTA_PROTOINFO_TCP_FLAGS_REPLY] {
          $0.append(UInt16(flags.rawValue), liberal)
        }
      }
    }
    let type = UInt16(NFNL_SUBSYS_CTNETLINK) << 8 | UInt16(IPCTNL_MSG_CT_NEW.rawValue)
    let family = connection.client.isIPv6 ? AF_INET6 : AF_INET
    // Without NLM_F_EXCL the kernel would change a connection that it knows.
    return Message(
      type: type, flags: UInt16(NLM_F_CREATE | NLM_F_EXCL),
      payload: [UInt8(family), UInt8(NFNETLINK_V0), 0, 0] + attributes.bytes, label: "track an open connection")
  }

  /// The kernel's own for an established connection, which it sets anew with each segment.
  ///
  /// Source: `tcp_timeouts` in net/netfilter/nf_conntrack_proto_tcp.c: 5 days.
  private static let timeout = Duration.seconds(5 * 24 * 60 * 60)

  /// Source: `struct nf_ct_tcp_flags` in linux/netfilter/nf_conntrack_tcp.h: flags, and which of them to set.
  private static let liberal = [UInt8(IP_CT_TCP_FLAG_BE_LIBERAL), UInt8(IP_CT_TCP_FLAG_BE_LIBERAL)]

  private static func append(
    from source: TransportAddress, to destination: TransportAddress, _ attributes: inout Attributes
  ) {
    attributes.nest(CTA_TUPLE_IP) {
      $0.append(UInt16((source.isIPv6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC).rawValue), source.address)
      $0.append(UInt16((source.isIPv6 ? CTA_IP_V6_DST : CTA_IP_V4_DST).rawValue), destination.address)
    }
    attributes.nest(CTA_TUPLE_PROTO) {
      $0.append(UInt16(CTA_PROTO_NUM.rawValue), UInt8(IPPROTO_TCP))
      $0.append(UInt16(CTA_PROTO_SRC_PORT.rawValue), bigEndian: source.port)
      $0.append(UInt16(CTA_PROTO_DST_PORT.rawValue), bigEndian: destination.port)
    }
  }
}

/// A TCP connection, by who opened it and whom it was opened to; both addresses are of one family.
package struct TCPConnection: Sendable, Hashable {
  package let client: TransportAddress
  package let server: TransportAddress

  package init(from client: TransportAddress, to server: TransportAddress) {
    self.client = client
    self.server = server
  }
}

extension Attributes {
  fileprivate mutating func nest(_ type: some RawRepresentable<UInt32>, _ body: (inout Attributes) -> Void) {
    nest(UInt16(type.rawValue), body)
  }
}
