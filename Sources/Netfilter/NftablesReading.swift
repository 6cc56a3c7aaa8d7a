import CLinux
import Netlink

extension NftablesExpression {
  /// Reads an expression as the kernel gives it back. What we would never write is `other`, so that it differs from
  /// all that is wanted.
  init(_ name: String, _ data: ArraySlice<UInt8>) throws(NetlinkError) {
    self = try Self.known(name, AttributeReader(data)) ?? .other(name, Array(data))
  }

  private static func known(_ name: String, _ data: AttributeReader) throws(NetlinkError) -> NftablesExpression? {
    let register = UInt32(NFT_REG_1.rawValue)
    switch name {
    case "meta":
      guard let key = try data.bigEndian(NFTA_META_KEY) else { return nil }
      if try data.bigEndian(NFTA_META_DREG) == register { return .meta(key) }
      return try data.bigEndian(NFTA_META_SREG) == register ? .setMeta(key) : nil
    case "ct":
      guard let key = try data.bigEndian(NFTA_CT_KEY), try !data.has(NFTA_CT_DIRECTION) else { return nil }
      if try data.bigEndian(NFTA_CT_DREG) == register { return .connection(key) }
      return try data.bigEndian(NFTA_CT_SREG) == register ? .setConnection(key) : nil
    case "payload":
      guard try data.bigEndian(NFTA_PAYLOAD_DREG) == register, let base = try data.bigEndian(NFTA_PAYLOAD_BASE),
        let offset = try data.bigEndian(NFTA_PAYLOAD_OFFSET), let length = try data.bigEndian(NFTA_PAYLOAD_LEN)
      else { return nil }
      return .payload(base: base, offset: offset, length: length)
    case "bitwise":
      guard try data.bigEndian(NFTA_BITWISE_SREG) == register, try data.bigEndian(NFTA_BITWISE_DREG) == register,
        // Mask and flip: NFT_BITWISE_BOOL, or NFT_BITWISE_MASK_XOR in later headers.
        try data.bigEndian(NFTA_BITWISE_OP) ?? 0 == 0,
        let mask = try data.value(NFTA_BITWISE_MASK), let flipped = try data.value(NFTA_BITWISE_XOR),
        flipped.allSatisfy({ $0 == 0 })
      else { return nil }
      return .mask(mask)
    case "cmp":
      guard try data.bigEndian(NFTA_CMP_SREG) == register, let operation = try data.bigEndian(NFTA_CMP_OP),
        let bytes = try data.value(NFTA_CMP_DATA)
      else { return nil }
      return .compare(operation, bytes)
    case "lookup":
      guard try data.bigEndian(NFTA_LOOKUP_SREG) == register, try data.bigEndian(NFTA_LOOKUP_FLAGS) ?? 0 == 0,
        try !data.has(NFTA_LOOKUP_DREG), let set = try data.string(NFTA_LOOKUP_SET)
      else { return nil }
      return .lookup(set: set)
    case "immediate": return try immediate(data, register)
    case "fib":
      guard try data.bigEndian(NFTA_FIB_DREG) == register,
        try data.bigEndian(NFTA_FIB_RESULT) == NFT_FIB_RESULT_ADDRTYPE.rawValue,
        try data.bigEndian(NFTA_FIB_FLAGS) == NFTA_FIB_F_DADDR.rawValue
      else { return nil }
      return .destinationType
    case "redir":
      // The kernel repeats the port as the end of a range.
      guard try data.bigEndian(NFTA_REDIR_REG_PROTO_MIN) == register,
        try data.bigEndian(NFTA_REDIR_REG_PROTO_MAX) ?? register == register,
        // NF_NAT_RANGE_PROTO_SPECIFIED, which a port implies.
        (try data.bigEndian(NFTA_REDIR_FLAGS) ?? 0) & ~UInt32(NF_NAT_RANGE_PROTO_SPECIFIED) == 0
      else { return nil }
      return .redirect
    case "tproxy":
      guard try data.bigEndian(NFTA_TPROXY_FAMILY) == UInt32(NFPROTO_UNSPEC),
        try data.bigEndian(NFTA_TPROXY_REG_PORT) == register, try !data.has(NFTA_TPROXY_REG_ADDR)
      else { return nil }
      return .transparentProxy
    default: return nil
    }
  }

  private static func immediate(
    _ data: AttributeReader, _ register: UInt32
  ) throws(NetlinkError) -> NftablesExpression? {
    let content = try data.nested(NFTA_IMMEDIATE_DATA)
    switch try data.bigEndian(NFTA_IMMEDIATE_DREG) {
    case register: return try data.value(NFTA_IMMEDIATE_DATA).map { .immediate($0) }
    case UInt32(NFT_REG_VERDICT.rawValue):
      guard let verdict = try content?.nested(NFTA_DATA_VERDICT), let code = try verdict.bigEndian(NFTA_VERDICT_CODE)
      else { return nil }
      return .verdict(code: Int32(bitPattern: code), chain: try verdict.string(NFTA_VERDICT_CHAIN))
    default: return nil
    }
  }
}

/// Attributes under their header's names, without a cast at each use.
extension AttributeReader {
  func has(_ type: some RawRepresentable<UInt32>) throws(NetlinkError) -> Bool {
    try first(UInt16(type.rawValue)) != nil
  }

  func bigEndian(_ type: some RawRepresentable<UInt32>) throws(NetlinkError) -> UInt32? {
    try first(UInt16(type.rawValue))?.bigEndian()
  }

  func string(_ type: some RawRepresentable<UInt32>) throws(NetlinkError) -> String? {
    try first(UInt16(type.rawValue))?.string()
  }

  func nested(_ type: some RawRepresentable<UInt32>) throws(NetlinkError) -> AttributeReader? {
    try first(UInt16(type.rawValue))?.nested()
  }

  /// The bytes inside an attribute that holds data.
  fileprivate func value(_ type: some RawRepresentable<UInt32>) throws(NetlinkError) -> [UInt8]? {
    try nested(type)?.first(UInt16(NFTA_DATA_VALUE.rawValue)).map { Array($0.value) }
  }
}
