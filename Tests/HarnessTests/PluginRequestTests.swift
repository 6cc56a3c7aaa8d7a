import CNI
import Harness
import JSON
import Testing

/// What one plugin gets to see, verb by verb.
@Suite
struct PluginRequestTests {
  static let result: JSONObject = ["cniVersion": "1.1.0", "ips": []]
  static let plugin: JSONObject = [
    "type": "t", "name": "own", "capabilities": ["portMappings": true, "dns": false, "bandwidth": true], "x": 1,
  ]
  static let pod = AttachmentParameters(
    containerID: "c", interface: "eth0", namespacePath: "/run/netns/n", arguments: ["A=1", "B=2"],
    capabilityValues: ["portMappings": [], "dns": [:], "mac": "02:00:00:00:00:01"])

  static func list(_ version: String) -> NetworkList { NetworkList(name: "mesh", version: version, plugins: [plugin]) }

  static let everyRequest: [PluginRequest] = [
    .add(pod, previous: result), .check(pod, result: result), .delete(pod, result: result),
    .collectGarbage(valid: []), .status, .version,
  ]

  @Test("name and version are the list's, and every key of the plugin stays, capabilities too", arguments: everyRequest)
  func common(_ request: PluginRequest) {
    let input = request.input(for: Self.plugin, of: Self.list("1.1.0"))
    guard request != .version else {
      #expect(input == ["cniVersion": "1.1.0"])
      return
    }
    #expect(input["name"] == "mesh")
    #expect(input["cniVersion"] == "1.1.0")
    for key in ["type", "capabilities", "x"] { #expect(input[key] == Self.plugin[key]) }
  }

  @Test(
    "prevResult is there for the verbs and versions that have it",
    arguments: [
      (.add(pod, previous: nil), "1.1.0", false), (.add(pod, previous: result), "1.1.0", true),
      (.add(pod, previous: result), "0.3.0", true), (.check(pod, result: result), "0.4.0", true),
      (.check(pod, result: nil), "0.4.0", false), (.delete(pod, result: result), "0.3.1", false),
      (.delete(pod, result: result), "0.4.0", true), (.delete(pod, result: nil), "1.0.0", false),
      (.collectGarbage(valid: []), "1.1.0", false), (.status, "1.1.0", false),
    ] as [(PluginRequest, String, Bool)])
  func previousResult(request: PluginRequest, version: String, isThere: Bool) {
    let input = request.input(for: Self.plugin, of: Self.list(version))
    #expect(input["prevResult"] == (isThere ? .object(Self.result) : nil))
  }

  @Test("runtimeConfig has what is both declared and offered, for the verbs of an attachment", arguments: everyRequest)
  func runtimeConfig(_ request: PluginRequest) {
    let hasOne = [.ADD, .CHECK, .DEL].contains(request.command)
    #expect(
      request.input(for: Self.plugin, of: Self.list("1.1.0"))["runtimeConfig"] == (hasOne ? ["portMappings": []] : nil))
  }

  @Test("an empty runtimeConfig is left out")
  func noRuntimeConfig() {
    var pod = Self.pod
    pod.capabilityValues = ["mac": "02:00:00:00:00:01"]
    let request = PluginRequest.add(pod, previous: nil)
    #expect(request.input(for: Self.plugin, of: Self.list("1.1.0"))["runtimeConfig"] == nil)
    #expect(request.input(for: ["type": "t"], of: Self.list("1.1.0")).keys == ["type", "name", "cniVersion"])
  }

  @Test("GC names the valid attachments under both keys, none of them included, or says nothing")
  func garbage() {
    let keys = ["cni.dev/valid-attachments", "cni.dev/attachments"]
    let values = { (valid: [CNI.Attachment]?) in
      let input = PluginRequest.collectGarbage(valid: valid).input(for: Self.plugin, of: Self.list("1.1.0"))
      return keys.map { input[$0] }
    }
    let list: JSONValue = [["containerID": "c", "ifname": "eth0"]]
    #expect(values([CNI.Attachment(containerID: "c", interfaceName: "eth0")]) == [list, list])
    #expect(values([]) == [[], []])
    #expect(values(nil) == [nil, nil])
  }

  @Test("the attachment's variables are filled in for its verbs", arguments: everyRequest.prefix(3))
  func attachmentEnvironment(_ request: PluginRequest) {
    #expect(
      request.environment(path: "/a:/b") == [
        "CNI_COMMAND": request.command.rawValue, "CNI_CONTAINERID": "c", "CNI_NETNS": "/run/netns/n",
        "CNI_IFNAME": "eth0", "CNI_ARGS": "A=1;B=2", "CNI_PATH": "/a:/b",
      ])
  }

  @Test("they are there and empty for the others, and words for VERSION", arguments: everyRequest.suffix(3))
  func otherEnvironment(_ request: PluginRequest) {
    let word = request == .version ? "dummy" : ""
    #expect(
      request.environment(path: "/a:/b") == [
        "CNI_COMMAND": request.command.rawValue, "CNI_CONTAINERID": "", "CNI_NETNS": word, "CNI_IFNAME": word,
        "CNI_ARGS": "", "CNI_PATH": request == .version ? "dummy" : "/a:/b",
      ])
  }
}
