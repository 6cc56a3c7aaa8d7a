import CLinux
import CNetlink
import Netlink
import Testing

struct AttributesTests {
  @Test("values are padded to four bytes, and the length does not count the padding")
  func padding() {
    var attributes = Attributes()
    attributes.append(1, [0xaa, 0xbb, 0xcc, 0xdd, 0xee])
    attributes.append(2, [])
    #expect(
      attributes.bytes == [
        9, 0, 1, 0, 0xaa, 0xbb, 0xcc, 0xdd,
        0xee, 0, 0, 0,
        4, 0, 2, 0,
      ])
  }

  @Test("a string ends in NUL")
  func string() {
    var attributes = Attributes()
    attributes.append(3, string: "nat")
    #expect(attributes.bytes == [8, 0, 3, 0, 0x6e, 0x61, 0x74, 0])
  }

  @Test("integers have the width of their type and the byte order that was asked for")
  func integers() {
    var attributes = Attributes()
    attributes.append(1, UInt32(0x0102_0304))
    attributes.append(2, bigEndian: Int32(-150))
    attributes.append(3, UInt8(7))
    attributes.append(4, bigEndian: UInt16(15006))
    #expect(
      attributes.bytes == [
        8, 0, 1, 0, 4, 3, 2, 1,
        8, 0, 2, 0, 0xff, 0xff, 0xff, 0x6a,
        5, 0, 3, 0, 7, 0, 0, 0,
        6, 0, 4, 0, 0x3a, 0x9e, 0, 0,
      ])
  }

  @Test("a nest is flagged, and as long as what is in it")
  func nest() {
    var attributes = Attributes()
    attributes.nest(4) {
      $0.append(1, UInt8(1))
      $0.nest(2) { _ in }
    }
    #expect(
      attributes.bytes == [
        16, 0, 4, 0x80,
        5, 0, 1, 0, 1, 0, 0, 0,
        4, 0, 2, 0x80,
      ])
  }

  @Test("the largest attribute is encoded, a larger one stops the program")
  func largest() async {
    var attributes = Attributes()
    attributes.append(1, Array(repeating: 0, count: 65531))
    #expect(attributes.bytes.prefix(4) == [0xff, 0xff, 1, 0])
    await #expect(processExitsWith: .failure) {
      var attributes = Attributes()
      attributes.nest(1) { $0.append(1, Array(repeating: 0, count: 65530)) }
    }
  }

  @Test("random shapes are encoded as libnl encodes them", arguments: 0..<50)
  func libnl(_ seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let shape = Shape.random(depth: 4, &random)
    var ours = Attributes()
    shape.append(to: &ours)
    #expect(try ours.bytes == shape.encodedByLibnl())
  }

  @Test("what was encoded is read back", arguments: 0..<50)
  func roundTrip(_ seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let shape = Shape.random(depth: 4, &random)
    var attributes = Attributes()
    shape.append(to: &attributes)
    try shape.expect(in: AttributeReader(attributes.bytes))
  }
}

/// A tree of attributes.
private indirect enum Shape {
  case value(UInt16, [UInt8])
  case nest(UInt16, [Shape])

  static func random(depth: Int, _ random: inout SplitMix) -> Shape {
    let type = UInt16.random(in: 1...100, using: &random)
    if depth == 0 || Bool.random(using: &random) {
      return .value(
        type, (0..<Int.random(in: 0...40, using: &random)).map { _ in .random(in: 0...255, using: &random) })
    }
    var children: [Shape] = []
    for _ in 0..<Int.random(in: 1...5, using: &random) { children.append(.random(depth: depth - 1, &random)) }
    return .nest(type, children)
  }

  func append(to attributes: inout Attributes) {
    switch self {
    case .value(let type, let bytes): attributes.append(type, bytes)
    case .nest(let type, let children): attributes.nest(type) { for child in children { child.append(to: &$0) } }
    }
  }

  func expect(in reader: AttributeReader) throws {
    try Self.expect([self], in: reader)
  }

  private static func expect(_ shapes: [Shape], in reader: AttributeReader) throws {
    let attributes = try reader.all()
    try #require(attributes.count == shapes.count)
    for (attribute, shape) in zip(attributes, shapes) {
      switch shape {
      case .value(let type, let bytes):
        #expect(attribute.type == type)
        #expect(attribute.value.elementsEqual(bytes))
      case .nest(let type, let children):
        #expect(attribute.type == type)
        try expect(children, in: attribute.nested())
      }
    }
  }

  func encodedByLibnl() throws -> [UInt8] {
    let message = try #require(nlmsg_alloc_size(1 << 18))
    defer { nlmsg_free(message) }
    _ = try #require(nlmsg_put(message, 0, 0, 0, 0, 0))
    put(into: message)
    let header = try #require(nlmsg_hdr(message))
    return Array(UnsafeRawBufferPointer(start: nlmsg_data(header), count: Int(nlmsg_datalen(header))))
  }

  private func put(into message: OpaquePointer) {
    switch self {
    case .value(let type, let bytes):
      _ = nla_put(message, CInt(type), CInt(bytes.count), bytes)
    case .nest(let type, let children):
      let start = nla_nest_start(message, CInt(type))
      for child in children { child.put(into: message) }
      nla_nest_end(message, start)
    }
  }
}

/// Numbers that are the same in each run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
