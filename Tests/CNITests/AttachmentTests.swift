import CNI
import Testing

@Suite struct AttachmentTests {
  @Test("both names of the key are read", arguments: ["cni.dev/valid-attachments", "cni.dev/attachments"])
  func readsBothNames(key: String) throws {
    let text = #"{"name":"m","\#(key)":[{"containerID":"c1","ifname":"eth0"},{"containerID":"c2","ifname":"net1"}]}"#
    let attachments = try NetworkConfigurationTests.parse(text).validAttachments
    #expect(
      attachments == [
        Attachment(containerID: "c1", interfaceName: "eth0"), Attachment(containerID: "c2", interfaceName: "net1"),
      ])
  }

  @Test("an empty list says that nothing is valid")
  func readsEmptyList() throws {
    #expect(try NetworkConfigurationTests.parse(#"{"name":"m","cni.dev/valid-attachments":[]}"#).validAttachments == [])
  }

  @Test(
    "an absent or malformed list says nothing",
    arguments: ["null", "{}", #""x""#, "[null]", #"[{"containerID":"c1"}]"#, #"[{"containerID":1,"ifname":"eth0"}]"#])
  func readsNothing(list: String) throws {
    let text = #"{"name":"m","cni.dev/valid-attachments":\#(list)}"#
    #expect(try NetworkConfigurationTests.parse(text).validAttachments == nil)
    #expect(try NetworkConfigurationTests.parse(#"{"name":"m"}"#).validAttachments == nil)
  }
}
