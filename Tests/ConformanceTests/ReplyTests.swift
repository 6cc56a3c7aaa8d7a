import JSON
import Testing

@testable import Conformance
@testable import System

@Suite struct ReplyTests {
  static func reply(_ output: String, _ status: ChildStatus = .exited(0), timedOut: Bool = false) -> Reply {
    Reply(
      ChildOutcome(
        status: status, standardOutput: Array(output.utf8), standardError: [], timedOut: timedOut, pipesAreHeld: false),
      verb: "ADD", duration: .zero)
  }

  @Test(
    "a result is one object and white space",
    arguments: [
      ("{}", true), (" \n{\"a\": \"}{\\\"\"}\n", true), ("", false), ("{}{}", false), ("log\n{}", false), ("[]", false),
      ("{}]", false), ("{", false), ("null", false), ("{\"a\"}", false),
    ])
  func result(output: String, isResult: Bool) {
    #expect(((try? Self.reply(output).result()) != nil) == isResult)
  }

  @Test("a result with another status than 0 is none")
  func failedResult() {
    #expect(throws: Discrepancy.self) { try Self.reply("{}", .exited(1)).result() }
    #expect(throws: Discrepancy.self) { try Self.reply("{}", .signalled(9), timedOut: true).result() }
  }

  @Test(
    "a clean error is a status from 1 to 127 and one object with an integer code and a message",
    arguments: [
      (#"{"code": 7, "msg": "x"}"#, ChildStatus.exited(1), true), (#"{"code": 7, "msg": "x"}"#, .exited(0), false),
      (#"{"code": 7, "msg": "x"}"#, .exited(128), false), (#"{"code": 7, "msg": "x"}"#, .signalled(6), false),
      (#"{"code": "7", "msg": "x"}"#, .exited(1), false), (#"{"code": 7, "msg": ""}"#, .exited(1), false),
      (#"{"code": 7}"#, .exited(1), false), ("", .exited(1), false),
      (#"{"cniVersion": "1.0.0"}{"code": 7, "msg": "x"}"#, .exited(1), false),
    ])
  func cleanError(output: String, status: ChildStatus, isClean: Bool) {
    #expect(((try? Self.reply(output, status).cleanError()) != nil) == isClean)
  }

  @Test("codes and words of an error are looked at")
  func errorContent() throws {
    let reply = Self.reply(#"{"code": 4, "msg": "no CNI_NETNS", "details": "set it"}"#, .exited(1))
    try reply.cleanError([4, 7], mentioning: ["CNI_NETNS", "set it"])
    #expect(throws: Discrepancy.self) { try reply.cleanError([7]) }
    #expect(throws: Discrepancy.self) { try reply.cleanError(mentioning: ["CNI_IFNAME"]) }
  }
}

@Suite struct EquivalenceTests {
  @Test(
    "results that mean the same are equivalent",
    arguments: [
      (#"{"a":1,"b":2}"#, #"{"b":2,"a":1}"#), (#"{"dns":{},"ips":[]}"#, "{}"), (#"{"x":null,"y":""}"#, "{}"),
      (#"{"ips":[{"address":"FD00:0::1/64"}]}"#, #"{"ips":[{"address":"fd00::1/64"}]}"#),
      (#"{"routes":[{"dst":"0.0.0.0/0","mtu":0}]}"#, #"{"routes":[{"dst":"0.0.0.0/0"}]}"#),
    ])
  func same(left: String, right: String) throws {
    #expect(try Self.difference(left, right) == nil)
  }

  @Test(
    "what differs is named",
    arguments: [
      (#"{"ips":[1,2]}"#, #"{"ips":[2,1]}"#, "ips[0] was 1 and is 2"),
      (#"{"a":{"b":1}}"#, #"{"a":{"c":1}}"#, "a.b is lost"),
      (#"{}"#, #"{"a":1}"#, "a appeared"),
      (#"{"routes":[{"table":0}]}"#, #"{"routes":[{}]}"#, "routes[0].table is lost"),
      (#"{"a":[1]}"#, #"{"a":[1,2]}"#, "a had 1 elements and has 2"),
    ])
  func different(left: String, right: String, difference: String) throws {
    #expect(try Self.difference(left, right) == difference)
  }

  static func difference(_ left: String, _ right: String) throws -> String? {
    let object = { (text: String) in try #require(try JSONValue(parsing: Array(text.utf8)).object) }
    return Equivalence.difference(try object(left), try object(right))
  }
}
