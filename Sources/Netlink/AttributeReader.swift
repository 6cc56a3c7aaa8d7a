import CLinux

/// Goes over encoded attributes; never reads outside of the bytes it was given.
package struct AttributeReader: Sendable {
  private var rest: ArraySlice<UInt8>

  package init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  package init(_ bytes: [UInt8]) {
    self.init(bytes[...])
  }

  /// The next attribute, or nil at the end.
  ///
  /// - Throws: `.malformed` if fewer bytes are left than the attribute needs, or than it says it has.
  package mutating func next() throws(NetlinkError) -> Attribute? {
    guard !rest.isEmpty else { return nil }
    let header = NetlinkLayout.attributeHeader
    guard rest.count >= header else { throw .malformed("attribute", "\(rest.count) bytes left") }
    let start = rest.startIndex
    let length = Int(UInt16(native: rest[start..<start + 2]))
    let rawType = UInt16(native: rest[start + 2..<start + header])
    let type = rawType & ~UInt16(NLA_F_NESTED | NLA_F_NET_BYTEORDER)
    guard length >= header, length <= rest.count else {
      throw .malformed("attribute \(type)", "length \(length), \(rest.count) bytes left")
    }
    let value = rest[start + header..<start + length]
    rest = rest.dropFirst(NetlinkLayout.aligned(length))
    return Attribute(type: type, value: value)
  }

  /// All attributes, in their order.
  package func all() throws(NetlinkError) -> [Attribute] {
    var reader = self
    var attributes: [Attribute] = []
    while let attribute = try reader.next() { attributes.append(attribute) }
    return attributes
  }

  /// The first attribute of a type, or nil.
  package func first(_ type: UInt16) throws(NetlinkError) -> Attribute? {
    var reader = self
    while let attribute = try reader.next() {
      if attribute.type == type { return attribute }
    }
    return nil
  }
}

/// One attribute: its type without the flags, and its value.
package struct Attribute: Sendable, Equatable {
  package let type: UInt16
  package let value: ArraySlice<UInt8>

  /// The value as an integer in the byte order of the machine; `UInt8`, `UInt16` and so on.
  ///
  /// - Throws: `.malformed` unless the value has exactly the width of the type.
  package func integer<I: FixedWidthInteger>(_ type: I.Type = I.self) throws(NetlinkError) -> I {
    guard value.count == I.bitWidth / 8 else {
      throw .malformed("attribute \(self.type)", "\(value.count) bytes, not \(I.bitWidth / 8)")
    }
    return I(native: value)
  }

  /// The value as an integer in network byte order.
  package func bigEndian<I: FixedWidthInteger>(_ type: I.Type = I.self) throws(NetlinkError) -> I {
    I(bigEndian: try integer())
  }

  /// The value as a string, up to its NUL if it has one; some attributes of the kernel do without.
  package func string() throws(NetlinkError) -> String {
    guard let text = String(validating: value.prefix { $0 != 0 }, as: UTF8.self) else {
      throw .malformed("attribute \(type)", "not UTF-8")
    }
    return text
  }

  /// The attributes inside.
  package func nested() -> AttributeReader {
    AttributeReader(value)
  }
}

extension Message {
  /// The fixed part that the payload begins with: a C structure of integers.
  ///
  /// - Throws: `.malformed` if the payload is shorter.
  func header<Header: BitwiseCopyable>(_ type: Header.Type) throws(NetlinkError) -> Header {
    guard payload.count >= MemoryLayout<Header>.size else {
      throw .malformed("\(type)", "\(payload.count) bytes")
    }
    return unsafe payload.withUnsafeBytes { unsafe $0.loadUnaligned(as: type) }
  }

  /// The attributes behind the fixed part.
  func attributes<Header>(after type: Header.Type) -> AttributeReader {
    AttributeReader(payload.dropFirst(NetlinkLayout.aligned(MemoryLayout<Header>.size)))
  }
}
