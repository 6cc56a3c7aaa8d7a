import CLinux
import Redirect

extension Rule {
  /// The rule as the kernel runs it, from left to right.
  var nftablesExpressions: [NftablesExpression] {
    matches.flatMap(\.nftablesExpressions) + verdict.nftablesExpressions
  }
}

extension Match {
  fileprivate var nftablesExpressions: [NftablesExpression] {
    switch self {
    case .transport(let comparison, let transport):
      [.meta(NFT_META_L4PROTO.rawValue), comparison.of([transport.protocolNumber])]
    case .inputInterface(let comparison, let name):
      [.meta(NFT_META_IIFNAME.rawValue), comparison.of(Self.interfaceName(name))]
    case .outputInterface(let comparison, let name):
      [.meta(NFT_META_OIFNAME.rawValue), comparison.of(Self.interfaceName(name))]
    case .source(let comparison, let prefix): prefix.expressions(.source, comparison)
    case .destination(let comparison, let prefix): prefix.expressions(.destination, comparison)
    case .sourceInSet(let family, let set): family.isFamily + [family.load(.source), .lookup(set: set)]
    case .destinationInSet(let family, let set): family.isFamily + [family.load(.destination), .lookup(set: set)]
    case .sourcePort(let comparison, let port): [Self.port(.source), comparison.of(port.bytes)]
    case .destinationPort(let comparison, let port): [Self.port(.destination), comparison.of(port.bytes)]
    case .destinationPortInSet(let set): [Self.port(.destination), .lookup(set: set)]
    case .user(let user): [.meta(NFT_META_SKUID.rawValue), Comparison.equal.of(user.rawValue.nativeBytes)]
    case .group(let group): [.meta(NFT_META_SKGID.rawValue), Comparison.equal.of(group.rawValue.nativeBytes)]
    case .groupInSet(let set): [.meta(NFT_META_SKGID.rawValue), .lookup(set: set)]
    case .mark(let comparison, let mark): [.meta(NFT_META_MARK.rawValue), comparison.of(mark.nativeBytes)]
    case .connectionMark(let comparison, let mark):
      [.connection(NFT_CT_MARK.rawValue), comparison.of(mark.nativeBytes)]
    case .connection(let states):
      [
        .connection(NFT_CT_STATE.rawValue), .mask(states.reduce(0) { $0 | $1.bit }.nativeBytes),
        Comparison.notEqual.of(UInt32(0).nativeBytes),
      ]
    case .isForeign: [.destinationType, Comparison.notEqual.of(UInt32(RTN_LOCAL).nativeBytes)]
    case .isReply: [.connection(NFT_CT_DIRECTION.rawValue), Comparison.equal.of([UInt8(IP_CT_DIR_REPLY.rawValue)])]
    }
  }

  /// TCP and UDP have them at the same place.
  private static func port(_ end: PacketEnd) -> NftablesExpression {
    .payload(base: NFT_PAYLOAD_TRANSPORT_HEADER.rawValue, offset: end == .source ? 0 : 2, length: 2)
  }

  /// The name as the kernel compares it: padded with NULs to IFNAMSIZ.
  private static func interfaceName(_ name: String) -> [UInt8] {
    let bytes = Array(name.utf8.prefix(Int(IFNAMSIZ) - 1))
    return bytes + Array(repeating: 0, count: Int(IFNAMSIZ) - bytes.count)
  }
}

extension Verdict {
  fileprivate var nftablesExpressions: [NftablesExpression] {
    switch self {
    case .return: [.verdict(code: NFT_RETURN.rawValue, chain: nil)]
    case .goto(let chain): [.verdict(code: NFT_GOTO.rawValue, chain: chain)]
    case .drop: [.verdict(code: NF_DROP, chain: nil)]
    case .redirect(let port): [.immediate(port.bytes), .redirect]
    case .transparentProxy(let port):
      [.immediate(port.bytes), .transparentProxy, .verdict(code: NF_ACCEPT, chain: nil)]
    case .setMark(let mark): [.immediate(mark.nativeBytes), .setMeta(NFT_META_MARK.rawValue)]
    case .saveMark: [.meta(NFT_META_MARK.rawValue), .setConnection(NFT_CT_MARK.rawValue)]
    case .setZone(let zone): [.immediate(zone.nativeBytes), .setConnection(NFT_CT_ZONE.rawValue)]
    }
  }
}

extension Comparison {
  fileprivate func of(_ bytes: [UInt8]) -> NftablesExpression {
    .compare((self == .equal ? NFT_CMP_EQ : NFT_CMP_NEQ).rawValue, bytes)
  }
}

extension Transport {
  fileprivate var protocolNumber: UInt8 {
    switch self {
    case .tcp: UInt8(IPPROTO_TCP)
    case .udp: UInt8(IPPROTO_UDP)
    }
  }
}

extension ConnectionState {
  /// `NF_CT_STATE_BIT` and `NF_CT_STATE_INVALID_BIT` of linux/netfilter/nf_conntrack_common.h, which are expressions
  /// that Swift does not see.
  fileprivate var bit: UInt32 {
    switch self {
    case .invalid: 1
    case .established: 1 << (IP_CT_ESTABLISHED.rawValue + 1)
    case .related: 1 << (IP_CT_RELATED.rawValue + 1)
    case .new: 1 << (IP_CT_NEW.rawValue + 1)
    }
  }
}

private enum PacketEnd {
  case source
  case destination
}

extension CIDR {
  fileprivate func expressions(_ end: PacketEnd, _ comparison: Comparison) -> [NftablesExpression] {
    let isOneAddress = prefixLength == family.bitWidth
    let mask = isOneAddress ? [] : [NftablesExpression.mask(maskBytes)]
    return family.isFamily + [family.load(end)] + mask + [comparison.of(address.bytes)]
  }

  private var maskBytes: [UInt8] {
    (0..<family.bitWidth / 8).map { index in
      let bits = min(max(prefixLength - 8 * index, 0), 8)
      return UInt8(truncatingIfNeeded: 0xff00 >> bits)
    }
  }
}

extension IPFamily {
  /// An `inet` table sees both families; a header may only be read after asking which it is.
  fileprivate var isFamily: [NftablesExpression] {
    let number = UInt8(self == .v4 ? NFPROTO_IPV4 : NFPROTO_IPV6)
    return [.meta(NFT_META_NFPROTO.rawValue), Comparison.equal.of([number])]
  }

  /// Offsets of RFC 791 and RFC 8200 headers.
  fileprivate func load(_ end: PacketEnd) -> NftablesExpression {
    let (offset, length): (UInt32, UInt32) =
      switch (self, end) {
      case (.v4, .source): (12, 4)
      case (.v4, .destination): (16, 4)
      case (.v6, .source): (8, 16)
      case (.v6, .destination): (24, 16)
      }
    return .payload(base: NFT_PAYLOAD_NETWORK_HEADER.rawValue, offset: offset, length: length)
  }
}

extension Port {
  /// Network byte order.
  var bytes: [UInt8] { [UInt8(rawValue >> 8), UInt8(truncatingIfNeeded: rawValue)] }
}

extension FixedWidthInteger {
  /// Host byte order, in which the kernel keeps owners, marks and zones.
  var nativeBytes: [UInt8] {
    let littleEndian = littleEndian
    return stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: littleEndian >> Self($0)) }
  }
}
