import CNI
import JSON
import Testing

@Suite struct VersionReplyTests {
  static let list = #"["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]"#

  @Test("the reply is in the version asked", arguments: SpecVersion.allSupported)
  func repliesInVersion(version: SpecVersion) {
    let text = JSONValue.object(VersionReply.reply(to: version)).text()
    #expect(text == #"{"cniVersion":"\#(version.rawValue)","supportedVersions":\#(Self.list)}"#)
  }

  @Test("the reply to an unreadable question is in the newest version")
  func repliesInNewest() {
    #expect(VersionReply.reply(to: nil)["cniVersion"] == "1.1.0")
  }
}
