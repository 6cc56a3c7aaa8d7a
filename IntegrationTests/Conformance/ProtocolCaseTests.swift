import Conformance
import Harness
import Testing

@Suite struct ProtocolCaseTests {
  @Test("our plugin passes every case")
  func ours() throws {
    let plugin = PluginUnderTest(path: "\(try executableFolder())/istio-cni")
    for testCase in ConformanceCase.protocolCases {
      #expect(try testCase.run(against: plugin) == .passed, "\(testCase.id): \(testCase.stimulus)")
    }
  }

  @Test(
    "a plugin that says nothing, one that echoes, and one that fails without a word fail every case",
    arguments: ["/bin/true", "/bin/cat", "/bin/false"])
  func broken(path: String) throws {
    let plugin = PluginUnderTest(path: path)
    for testCase in ConformanceCase.protocolCases {
      #expect(try testCase.run(against: plugin) != .passed, "\(testCase.id) does not notice \(path)")
    }
  }

  @Test("case ids are unique")
  func ids() {
    let ids = ConformanceCase.protocolCases.map(\.id)
    #expect(Set(ids).count == ids.count)
  }
}
