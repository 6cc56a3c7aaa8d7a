import CNI
import Testing

@Suite struct SpecVersionTests {
  @Test("all versions of the specification are supported, in order")
  func listsVersions() {
    let spellings = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
    #expect(SpecVersion.allSupported.map(\.rawValue) == spellings)
    #expect(SpecVersion.allSupported.sorted() == SpecVersion.allSupported)
    #expect(SpecVersion.allSupported.last == .newest)
  }

  @Test(
    "only the exact spelling is a version", arguments: ["", "1", "1.0", "v1.0.0", "1.0.0-rc1", " 1.0.0", "1.0.0.0"])
  func refusesOtherSpellings(text: String) {
    #expect(SpecVersion(rawValue: text) == nil)
  }
}
