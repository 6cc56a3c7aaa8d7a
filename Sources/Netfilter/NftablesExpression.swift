import CLinux
import Netlink

/// One instruction of the kernel's rule machine. Values travel through its first register.
///
/// Source: linux/netfilter/nf_tables.h; the same sequences `nft --debug=netlink` prints.
enum NftablesExpression: Hashable {
  /// Loads a property of the packet or its socket.
  case meta(UInt32)
  /// Sets a property of the packet to the loaded bytes.
  case setMeta(UInt32)
  /// Loads a property of the packet's connection.
  case connection(UInt32)
  /// Sets a property of the packet's connection to the loaded bytes.
  case setConnection(UInt32)
  /// Loads bytes of a header.
  case payload(base: UInt32, offset: UInt32, length: UInt32)
  /// Loads what kind of address the destination is: local, for instance.
  case destinationType
  /// Keeps those of the loaded bits that the mask has.
  case mask([UInt8])
  /// Ends the rule unless the loaded bytes compare to these.
  case compare(UInt32, [UInt8])
  /// Ends the rule unless the loaded bytes are in the set.
  case lookup(set: String)
  /// Loads constant bytes.
  case immediate([UInt8])
  case verdict(code: Int32, chain: String?)
  /// Redirects to the loaded port.
  case redirect
  /// Hands over to the transparent listener on the loaded port; without one it ends the rule.
  case transparentProxy
  /// What we never write: read back from a rule that somebody else made or changed.
  case other(String, [UInt8])

  var name: String {
    switch self {
    case .meta, .setMeta: "meta"
    case .connection, .setConnection: "ct"
    case .payload: "payload"
    case .destinationType: "fib"
    case .mask: "bitwise"
    case .compare: "cmp"
    case .lookup: "lookup"
    case .immediate, .verdict: "immediate"
    case .redirect: "redir"
    case .transparentProxy: "tproxy"
    case .other(let name, _): name
    }
  }

  /// Appends what the instruction works with.
  func append(to data: inout Attributes) {
    let register = UInt32(NFT_REG_1.rawValue)
    switch self {
    case .meta(let key):
      data.append(NFTA_META_DREG, bigEndian: register)
      data.append(NFTA_META_KEY, bigEndian: key)
    case .setMeta(let key):
      data.append(NFTA_META_KEY, bigEndian: key)
      data.append(NFTA_META_SREG, bigEndian: register)
    case .connection(let key):
      data.append(NFTA_CT_DREG, bigEndian: register)
      data.append(NFTA_CT_KEY, bigEndian: key)
    case .setConnection(let key):
      data.append(NFTA_CT_KEY, bigEndian: key)
      data.append(NFTA_CT_SREG, bigEndian: register)
    case .payload(let base, let offset, let length):
      data.append(NFTA_PAYLOAD_DREG, bigEndian: register)
      data.append(NFTA_PAYLOAD_BASE, bigEndian: base)
      data.append(NFTA_PAYLOAD_OFFSET, bigEndian: offset)
      data.append(NFTA_PAYLOAD_LEN, bigEndian: length)
    case .destinationType:
      data.append(NFTA_FIB_DREG, bigEndian: register)
      data.append(NFTA_FIB_RESULT, bigEndian: NFT_FIB_RESULT_ADDRTYPE.rawValue)
      data.append(NFTA_FIB_FLAGS, bigEndian: NFTA_FIB_F_DADDR.rawValue)
    case .mask(let mask):
      data.append(NFTA_BITWISE_SREG, bigEndian: register)
      data.append(NFTA_BITWISE_DREG, bigEndian: register)
      data.append(NFTA_BITWISE_LEN, bigEndian: UInt32(mask.count))
      data.nest(NFTA_BITWISE_MASK) { $0.append(NFTA_DATA_VALUE, mask) }
      data.nest(NFTA_BITWISE_XOR) { $0.append(NFTA_DATA_VALUE, mask.map { _ in 0 }) }
    case .compare(let operation, let bytes):
      data.append(NFTA_CMP_SREG, bigEndian: register)
      data.append(NFTA_CMP_OP, bigEndian: operation)
      data.nest(NFTA_CMP_DATA) { $0.append(NFTA_DATA_VALUE, bytes) }
    case .lookup(let set):
      data.append(NFTA_LOOKUP_SET, string: set)
      data.append(NFTA_LOOKUP_SREG, bigEndian: register)
    case .immediate(let bytes):
      data.append(NFTA_IMMEDIATE_DREG, bigEndian: register)
      data.nest(NFTA_IMMEDIATE_DATA) { $0.append(NFTA_DATA_VALUE, bytes) }
    case .verdict(let code, let chain):
      data.append(NFTA_IMMEDIATE_DREG, bigEndian: UInt32(NFT_REG_VERDICT.rawValue))
      data.nest(NFTA_IMMEDIATE_DATA) {
        $0.nest(NFTA_DATA_VERDICT) {
          $0.append(NFTA_VERDICT_CODE, bigEndian: UInt32(bitPattern: code))
          if let chain { $0.append(NFTA_VERDICT_CHAIN, string: chain) }
        }
      }
    case .redirect:
      data.append(NFTA_REDIR_REG_PROTO_MIN, bigEndian: register)
    case .transparentProxy:
      // Of the packet's own family: an `inet` table sees both.
      data.append(NFTA_TPROXY_FAMILY, bigEndian: UInt32(NFPROTO_UNSPEC))
      data.append(NFTA_TPROXY_REG_PORT, bigEndian: register)
    case .other:
      preconditionFailure("only what is read back is of another kind")
    }
  }
}

/// Attribute types under their header's names, without a cast at each use.
extension Attributes {
  mutating func append(_ type: some RawRepresentable<UInt32>, bigEndian value: some FixedWidthInteger) {
    append(UInt16(type.rawValue), bigEndian: value)
  }

  mutating func append(_ type: some RawRepresentable<UInt32>, string: String) {
    append(UInt16(type.rawValue), string: string)
  }

  mutating func append(_ type: some RawRepresentable<UInt32>, _ bytes: [UInt8]) {
    append(UInt16(type.rawValue), bytes)
  }

  mutating func nest(_ type: some RawRepresentable<UInt32>, _ body: (inout Attributes) -> Void) {
    nest(UInt16(type.rawValue), body)
  }
}
