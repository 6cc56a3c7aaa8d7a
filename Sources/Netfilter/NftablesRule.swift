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
      [.meta(NFT_META_L4PROTO), .compare(comparison.operation, [transport.protocolNumber])]
    case .outputInterface(let comparison, let name):
      [.meta(NFT_META_OIFNAME), .compare(comparison.operation, Self.interfaceName(name))]
    case .source(let comparison, let address):
      address.family.isFamily + [address.family.load(.source), .compare(comparison.operation, address.bytes)]
    case .destination(let comparison, let address):
      address.family.isFamily + [address.family.load(.destination), .compare(comparison.operation, address.bytes)]
    case .destinationInSet(let family, let set):
      family.isFamily + [family.load(.destination), .lookup(set: set)]
    case .destinationPort(let comparison, let port):
      [Self.destinationPort, .compare(comparison.operation, port.bytes)]
    case .destinationPortInSet(let set):
      [Self.destinationPort, .lookup(set: set)]
    case .user(let comparison, let user):
      [.meta(NFT_META_SKUID), .compare(comparison.operation, user.rawValue.nativeBytes)]
    case .group(let comparison, let group):
      [.meta(NFT_META_SKGID), .compare(comparison.operation, group.rawValue.nativeBytes)]
    }
  }

  /// TCP and UDP have it at the same place.
  private static let destinationPort = NftablesExpression.payload(NFT_PAYLOAD_TRANSPORT_HEADER, offset: 2, length: 2)

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
    case .redirect(let port): [.immediate(port.bytes), .redirect]
    }
  }
}

extension Comparison {
  fileprivate var operation: nft_cmp_ops { self == .equal ? NFT_CMP_EQ : NFT_CMP_NEQ }
}

extension Transport {
  fileprivate var protocolNumber: UInt8 {
    switch self {
    case .tcp: UInt8(IPPROTO_TCP)
    case .udp: UInt8(IPPROTO_UDP)
    }
  }
}

private enum AddressField {
  case source
  case destination
}

extension IPFamily {
  /// An `inet` table sees both families; a header may only be read after asking which it is.
  fileprivate var isFamily: [NftablesExpression] {
    [.meta(NFT_META_NFPROTO), .compare(NFT_CMP_EQ, [UInt8(self == .v4 ? NFPROTO_IPV4 : NFPROTO_IPV6)])]
  }

  /// Offsets of RFC 791 and RFC 8200 headers.
  fileprivate func load(_ field: AddressField) -> NftablesExpression {
    switch (self, field) {
    case (.v4, .source): .payload(NFT_PAYLOAD_NETWORK_HEADER, offset: 12, length: 4)
    case (.v4, .destination): .payload(NFT_PAYLOAD_NETWORK_HEADER, offset: 16, length: 4)
    case (.v6, .source): .payload(NFT_PAYLOAD_NETWORK_HEADER, offset: 8, length: 16)
    case (.v6, .destination): .payload(NFT_PAYLOAD_NETWORK_HEADER, offset: 24, length: 16)
    }
  }
}

extension Port {
  /// Network byte order.
  var bytes: [UInt8] { [UInt8(rawValue >> 8), UInt8(truncatingIfNeeded: rawValue)] }
}

extension UInt32 {
  /// Host byte order, in which the kernel keeps owners.
  fileprivate var nativeBytes: [UInt8] {
    #if _endian(little)
      (0..<4).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) }
    #else
      (0..<4).reversed().map { UInt8(truncatingIfNeeded: self >> (8 * $0)) }
    #endif
  }
}
