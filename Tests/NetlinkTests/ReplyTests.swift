import SystemPackage
import Testing

@testable import Netlink

struct ReplyTests {
  @Test("a message is encoded with its header, and padded")
  func encoded() {
    let message = Message(type: 0x0a00, flags: 0x400, payload: [1, 2, 3, 4, 5], label: "table")
    var bytes: [UInt8] = []
    message.encode(into: &bytes, sequence: 0x0102_0304)
    #expect(
      bytes == [
        21, 0, 0, 0,
        0x00, 0x0a, 0x05, 0x04,
        4, 3, 2, 1,
        0, 0, 0, 0,
        1, 2, 3, 4,
        5, 0, 0, 0,
      ])
  }

  @Test("the marks of a batch ask for no acknowledgement")
  func mark() {
    var bytes: [UInt8] = []
    Message(type: 16, flags: 0, payload: [], label: "begin", wantsAck: false).encode(into: &bytes, sequence: 0)
    #expect(bytes[6] == 1)
  }

  @Test("an acknowledgement of an error gives number, text and place")
  func refusal() throws {
    var attributes = Attributes()
    attributes.append(1, string: "No such table")
    attributes.append(2, UInt32(20))
    let reply = try reply(type: 2, flags: 0x300, [0xfe, 0xff, 0xff, 0xff] + header(length: 100) + attributes.bytes)
    let error = try #require(try Verdict(reply).error(about: "rule 7 of 12 (inbound redirect)"))
    #expect(error.code == .kernel)
    #expect(error.errno == .noSuchFileOrDirectory)
    #expect(error.kernelText == "No such table")
    #expect(error.attributeOffset == 20)
    #expect(
      error.description == "rule 7 of 12 (inbound redirect) = ENOENT (2): No such table (attribute at byte 20)")
  }

  @Test("the text is found behind a message that comes back whole")
  func uncapped() throws {
    var attributes = Attributes()
    attributes.append(1, string: "no")
    let original = header(length: 22) + [1, 2, 3, 4, 5, 6, 0, 0]
    let reply = try reply(type: 2, flags: 0x200, [0xff, 0xff, 0xff, 0xff] + original + attributes.bytes)
    #expect(try Verdict(reply).text == "no")
  }

  @Test("zero is an acknowledgement")
  func acknowledgement() throws {
    let reply = try reply(type: 2, flags: 0x100, [0, 0, 0, 0] + header(length: 16))
    #expect(try Verdict(reply).error(about: "x") == nil)
  }

  @Test("the end of a dump can be an error, with its text right behind the number")
  func dumpError() throws {
    var attributes = Attributes()
    attributes.append(1, string: "no")
    let reply = try reply(type: 3, flags: 0x202, [0xff, 0xff, 0xff, 0xff] + attributes.bytes)
    #expect(try Verdict(reply).error(about: "get rules")?.description == "get rules = EPERM (1): no")
  }

  @Test("cut datagrams and acknowledgements are malformed", arguments: 1..<36)
  func cut(_ length: Int) {
    let whole = header(length: 36, type: 2) + [0xff, 0xff, 0xff, 0xff] + header(length: 16)
    let error = #expect(throws: NetlinkError.self) {
      for reply in try Reply.parse(Array(whole.prefix(length))) { _ = try Verdict(reply) }
    }
    #expect(error?.code == .malformed)
  }

  @Test("random bytes are read or malformed, never more", arguments: 0..<20)
  func robustness(_ seed: UInt64) {
    var random = SplitMix(state: seed)
    for _ in 0..<500 {
      let length = UInt8.random(in: 16...64, using: &random)
      let bytes =
        header(length: length, type: UInt8.random(in: 2...3, using: &random))
        + (16..<64).map { _ in UInt8.random(in: 0...20, using: &random) }
      // Whether it is malformed does not matter here.
      for reply in (try? Reply.parse(bytes)) ?? [] { _ = try? Verdict(reply) }
    }
  }

  private func reply(type: UInt8, flags: UInt16, _ payload: [UInt8]) throws -> Reply {
    let header = header(length: UInt8(16 + payload.count), type: type, flags: flags)
    return try #require(try Reply.parse(header + payload).first)
  }

  private func header(length: UInt8, type: UInt8 = 0, flags: UInt16 = 0) -> [UInt8] {
    [length, 0, 0, 0, type, 0, UInt8(flags & 0xff), UInt8(flags >> 8), 0, 0, 0, 0, 0, 0, 0, 0]
  }
}
