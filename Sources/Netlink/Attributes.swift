import CLinux

/// Netlink attributes, encoded: the type, the length and the padding of each are computed here and nowhere else.
///
/// Source: `struct nlattr` and `NLA_ALIGN` in linux/netlink.h.
package struct Attributes: Sendable, Equatable {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  /// Appends an attribute with these bytes as its value.
  ///
  /// - Precondition: header and value are at most 65535 bytes, the most that the length field can say. Who has more
  ///   splits it over several messages.
  package mutating func append(_ type: UInt16, _ value: [UInt8]) {
    appendHeader(type, valueCount: value.count)
    bytes += value
    bytes.padToNetlinkAlignment()
  }

  /// Appends a string and the NUL that ends it.
  package mutating func append(_ type: UInt16, string: String) {
    appendHeader(type, valueCount: string.utf8.count + 1)
    bytes += string.utf8
    bytes.append(0)
    bytes.padToNetlinkAlignment()
  }

  private mutating func appendHeader(_ type: UInt16, valueCount: Int) {
    let length = NetlinkLayout.attributeHeader + valueCount
    precondition(length <= UInt16.max, "attribute \(type) of \(length) bytes; netlink allows \(UInt16.max)")
    bytes.append(native: UInt16(length))
    bytes.append(native: type)
  }

  /// Appends an integer in the byte order of the machine.
  ///
  /// The width of the attribute is that of the type: write `UInt32(5)`, since a bare `5` is 8 bytes long.
  @inlinable package mutating func append<I: FixedWidthInteger>(_ type: UInt16, _ value: I) {
    append(type, littleEndian: UInt64(truncatingIfNeeded: value.littleEndian), byteCount: I.bitWidth / 8)
  }

  /// Appends so many bytes, the lowest first. Of one type, so that no other module has to call the generic code of this
  /// one for each byte.
  package mutating func append(_ type: UInt16, littleEndian value: UInt64, byteCount: Int) {
    appendHeader(type, valueCount: byteCount)
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0.prefix(byteCount)) }
    bytes.padToNetlinkAlignment()
  }

  /// Appends an integer in network byte order.
  @inlinable package mutating func append<I: FixedWidthInteger>(_ type: UInt16, bigEndian value: I) {
    append(type, value.bigEndian)
  }

  /// Appends an attribute whose value is the attributes that `body` appends, and marks it as such.
  ///
  /// - Precondition: as for bytes.
  /// - Throws: what the body throws; the attributes are then of no use.
  @inlinable package mutating func nest<E: Error>(
    _ type: UInt16, _ body: (inout Attributes) throws(E) -> Void
  ) throws(E) {
    let start = beginNest(type)
    try body(&self)
    endNest(type, at: start)
  }

  /// Appends the header of an attribute whose length is not known yet.
  package mutating func beginNest(_ type: UInt16) -> Int {
    bytes.append(native: UInt16(0))
    bytes.append(native: type | UInt16(NLA_F_NESTED))
    return bytes.count - NetlinkLayout.attributeHeader
  }

  /// Fills in the length of the attribute that begins at `start`. What is in it is aligned, and so is its end.
  package mutating func endNest(_ type: UInt16, at start: Int) {
    let length = bytes.count - start
    precondition(length <= UInt16.max, "attribute \(type) of \(length) bytes; netlink allows \(UInt16.max)")
    let littleEndian = UInt16(length).littleEndian
    bytes[start] = UInt8(truncatingIfNeeded: littleEndian)
    bytes[start + 1] = UInt8(truncatingIfNeeded: littleEndian >> 8)
  }
}

/// Sizes that linux/netlink.h states as C expressions.
enum NetlinkLayout {
  static let attributeHeader = MemoryLayout<nlattr>.size
  static let messageHeader = MemoryLayout<nlmsghdr>.size
  static let alignment = Int(NLMSG_ALIGNTO)

  static func aligned(_ length: Int) -> Int {
    (length + alignment - 1) & ~(alignment - 1)
  }
}

extension [UInt8] {
  /// Appends the bytes of an integer as the machine keeps them in memory.
  mutating func append<I: FixedWidthInteger>(native value: I) {
    unsafe Swift.withUnsafeBytes(of: value) { unsafe append(contentsOf: $0) }
  }

  mutating func padToNetlinkAlignment() {
    while count != NetlinkLayout.aligned(count) { append(0) }
  }
}

extension FixedWidthInteger {
  /// The integer that these bytes are in the machine's memory.
  init(native bytes: some BidirectionalCollection<UInt8>) {
    let composed = bytes.reversed().reduce(into: Self.zero) { $0 = $0 << 8 | Self(truncatingIfNeeded: $1) }
    self = Self(littleEndian: composed)
  }
}
