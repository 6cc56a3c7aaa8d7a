import Netlink
import Testing

struct AttributeReaderTests {
  @Test(
    "attributes that are short or longer than what is left are malformed",
    arguments: [
      ([1], "attribute(1 bytes left): malformed"),
      ([4, 0, 1], "attribute(3 bytes left): malformed"),
      ([3, 0, 1, 0], "attribute 1(length 3, 4 bytes left): malformed"),
      ([0, 0, 1, 0], "attribute 1(length 0, 4 bytes left): malformed"),
      ([9, 0, 2, 0x80, 1, 2, 3, 4], "attribute 2(length 9, 8 bytes left): malformed"),
      ([4, 0, 1, 0, 255, 255, 2, 0], "attribute 2(length 65535, 4 bytes left): malformed"),
    ] as [([UInt8], String)])
  func malformed(_ bytes: [UInt8], _ text: String) {
    let error = #expect(throws: NetlinkError.self) { try AttributeReader(bytes).all() }
    #expect(error?.code == .malformed)
    #expect(error?.description == text)
  }

  @Test("the last attribute may lack its padding")
  func lastPadding() throws {
    #expect(try AttributeReader([5, 0, 1, 0, 7]).first(1)?.integer(UInt8.self) == 7)
  }

  @Test("flags are no part of the type")
  func flags() throws {
    #expect(try AttributeReader([4, 0, 1, 0xc0]).all().map(\.type) == [1])
  }

  @Test("integers come in both byte orders")
  func integers() throws {
    let attribute = try #require(try AttributeReader([6, 0, 1, 0, 0x3a, 0x9e]).first(1))
    #expect(try attribute.integer(UInt16.self) == 0x9e3a)
    #expect(try attribute.bigEndian(UInt16.self) == 15006)
  }

  @Test("an integer of another width is malformed")
  func width() throws {
    let attribute = try #require(try AttributeReader([6, 0, 1, 0, 1, 2]).first(1))
    let error = #expect(throws: NetlinkError.self) { try attribute.integer(UInt32.self) }
    #expect(error?.description == "attribute 1(2 bytes, not 4): malformed")
  }

  @Test(
    "strings end at their NUL or their length, and are UTF-8",
    arguments: [[110, 97, 116, 0], [110, 97, 116]] as [[UInt8]])
  func string(_ text: [UInt8]) throws {
    var attributes = Attributes()
    attributes.append(1, text)
    attributes.append(2, [0xff, 0])
    let reader = AttributeReader(attributes.bytes)
    #expect(try reader.first(1)?.string() == "nat")
    #expect(throws: NetlinkError.self) { try reader.first(2)?.string() }
  }

  @Test("random bytes are read or malformed, never more", arguments: 0..<20)
  func robustness(_ seed: UInt64) {
    var random = SplitMix(state: seed)
    for _ in 0..<500 {
      // Small numbers, so that many lengths are plausible.
      let bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in
        Bool.random(using: &random) ? 0 : UInt8.random(in: 0...24, using: &random)
      }
      visit(AttributeReader(bytes), depth: 8)
    }
  }

  private func visit(_ reader: AttributeReader, depth: Int) {
    guard depth > 0, let attributes = try? reader.all() else { return }
    for attribute in attributes {
      _ = try? attribute.integer(UInt32.self)
      _ = try? attribute.string()
      visit(attribute.nested(), depth: depth - 1)
    }
  }
}
