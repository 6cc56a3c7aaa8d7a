import CNI
import Testing

@Suite struct AttachmentTests {
  @Test("both names of the key are read", arguments: ["cni.dev/valid-attachments", "cni.dev/attachments"])
  func readsBothNames(key: String) throws {
    let text = #"{"name":"m","\#(key)":[{"containerID":"c1","ifname":"eth0"},{"containerID":"c2","ifname":"net1"}]}"#
    let attachments = try NetworkConfigurationTests.parse(text).validAttachments()
    #expect(
      attachments == [
        Attachment(containerID: "c1", interfaceName: "eth0"), Attachment(containerID: "c2", interfaceName: "net1"),
      ])
  }

  @Test("an empty list says that nothing is valid")
  func readsEmptyList() throws {
    #expect(
      try NetworkConfigurationTests.parse(#"{"name":"m","cni.dev/valid-attachments":[]}"#).validAttachments() == [])
  }

  @Test("an absent list says nothing")
  func readsNothing() throws {
    #expect(try NetworkConfigurationTests.parse(#"{"name":"m"}"#).validAttachments() == nil)
  }

  @Test("the newer of two keys counts")
  func prefersNewer() throws {
    let text = #"{"name":"m","cni.dev/attachments":null,"cni.dev/valid-attachments":[]}"#
    #expect(try NetworkConfigurationTests.parse(text).validAttachments() == [])
  }

  @Test(
    "a malformed list is refused, with what is wrong in it",
    arguments: [
      ("null", "null"), ("{}", "{}"), (#""x""#, #""x""#), ("[null]", "null"), ("[7]", "7"),
      (#"[{"containerID":"c1"}]"#, #"{"containerID":"c1"}"#),
      (#"[{"containerID":"c1","ifname":"eth0"},{"containerID":1,"ifname":"eth0"}]"#, #"{"containerID":1,"ifnam…"#),
    ], ["cni.dev/valid-attachments", "cni.dev/attachments"])
  func refusesMalformed(list: (text: String, shown: String), key: String) throws {
    let configuration = try NetworkConfigurationTests.parse(#"{"name":"m","\#(key)":\#(list.text)}"#)
    let expected = Failure(
      code: .invalidConfiguration,
      message: "configuration key \"\(key)\" is no list of attachments: \(list.shown)",
      details: "each has a \"containerID\" and an \"ifname\", both strings; nothing was removed")
    #expect(throws: expected) { try configuration.validAttachments() }
    #expect(expected.message.count < 100)
  }

  @Test(
    "names that no ADD can have are told apart",
    arguments: [("c1", "eth0", true), ("c1", "..", false), (".c1", "eth0", false), ("", "eth0", false)])
  func tellsValidNames(containerID: String, interfaceName: String, isValid: Bool) {
    #expect(Attachment(containerID: containerID, interfaceName: interfaceName).hasValidNames == isValid)
  }
}
