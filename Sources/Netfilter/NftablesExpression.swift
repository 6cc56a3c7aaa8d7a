import CLinux
import Netlink

/// One instruction of the kernel's rule machine. Values travel through its first register.
///
/// Source: linux/netfilter/nf_tables.h; the same sequences `nft --debug=netlink` prints.
enum NftablesExpression: Equatable {
  /// Loads a property of the packet or its socket.
  case meta(nft_meta_keys)
  /// Loads bytes of a header.
  case payload(nft_payload_bases, offset: UInt32, length: UInt32)
  /// Ends the rule unless the loaded bytes compare to these.
  case compare(nft_cmp_ops, [UInt8])
  /// Ends the rule unless the loaded bytes are in the set.
  case lookup(set: String)
  /// Loads constant bytes.
  case immediate([UInt8])
  case verdict(code: Int32, chain: String?)
  /// Redirects to the loaded port.
  case redirect

  var name: String {
    switch self {
    case .meta: "meta"
    case .payload: "payload"
    case .compare: "cmp"
    case .lookup: "lookup"
    case .immediate, .verdict: "immediate"
    case .redirect: "redir"
    }
  }

  var attributes: Attributes {
    var data = Attributes()
    let register = UInt32(NFT_REG_1.rawValue)
    switch self {
    case .meta(let key):
      data.append(NFTA_META_DREG, bigEndian: register)
      data.append(NFTA_META_KEY, bigEndian: key.rawValue)
    case .payload(let base, let offset, let length):
      data.append(NFTA_PAYLOAD_DREG, bigEndian: register)
      data.append(NFTA_PAYLOAD_BASE, bigEndian: base.rawValue)
      data.append(NFTA_PAYLOAD_OFFSET, bigEndian: offset)
      data.append(NFTA_PAYLOAD_LEN, bigEndian: length)
    case .compare(let operation, let bytes):
      data.append(NFTA_CMP_SREG, bigEndian: register)
      data.append(NFTA_CMP_OP, bigEndian: operation.rawValue)
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
    }
    return data
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
