import CNI
import Testing

@Suite struct CommandTests {
  @Test("a verb is allowed from the version on that has it", arguments: Command.allCases, SpecVersion.allSupported)
  func requiresVersion(command: Command, version: SpecVersion) throws {
    if version >= command.introduced {
      #expect(throws: Never.self) { try command.require(in: version) }
    } else {
      let failure = try #require(throws: Failure.self) { try command.require(in: version) }
      #expect(failure.code == .incompatibleVersion)
    }
  }

  static let introductions: [(command: Command, version: SpecVersion)] = [
    (.ADD, .v0_1_0), (.DEL, .v0_1_0), (.VERSION, .v0_2_0), (.CHECK, .v0_4_0), (.GC, .v1_1_0), (.STATUS, .v1_1_0),
  ]

  @Test("verbs came with these versions", arguments: introductions)
  func knowsIntroduction(command: Command, version: SpecVersion) {
    #expect(command.introduced == version)
  }

  @Test("the error says what to raise")
  func explains() {
    let expected = Failure(
      code: .incompatibleVersion,
      message: "cannot run CHECK for a configuration of CNI version 0.3.1",
      details: "CHECK exists from 0.4.0 on; raise cniVersion in the network configuration")
    #expect(throws: expected) { try Command.CHECK.require(in: .v0_3_1) }
  }
}
