import CNI
import Testing

@Suite struct PodArgumentsTests {
  @Test(
    "the runtime's pairs are read in any order",
    arguments: [
      "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u1",
      "K8S_POD_UID=u1;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_NAME=cart;IgnoreUnknown=True;K8S_POD_NAMESPACE=shop",
      ";K8S_POD_UID=u1;;K8S_POD_INFRA_CONTAINER_ID=c1;FOO=BAR;K8S_POD_NAME=cart;K8S_POD_NAMESPACE=shop;IgnoreUnknown=1;",
    ])
  func readsPairs(text: String) throws {
    let arguments = try PodArguments(parsing: text)
    #expect(arguments.podName == "cart")
    #expect(arguments.podNamespace == "shop")
    #expect(arguments.podUID == "u1")
    #expect(arguments.infraContainerID == "c1")
    #expect(arguments.ignoreUnknown)
  }

  @Test("what says nothing leaves everything empty", arguments: ["", ";", ";;", "K8S_POD_NAME=", "IgnoreUnknown=0"])
  func readsNothing(text: String) throws {
    let arguments = try PodArguments(parsing: text)
    #expect(arguments == (try PodArguments(parsing: "")))
    #expect(arguments.podName.isEmpty)
    #expect(!arguments.ignoreUnknown)
  }

  @Test("a repeated pair is no contradiction")
  func toleratesRepetition() throws {
    #expect(try PodArguments(parsing: "K8S_POD_NAME=a;K8S_POD_NAME=a").podName == "a")
  }

  static let grammar = "CNI_ARGS is a list of KEY=VALUE pairs separated by \";\", and no value may contain \"=\""
  static let knownKeys =
    "known are IgnoreUnknown, K8S_POD_NAME, K8S_POD_NAMESPACE, K8S_POD_UID and "
    + "K8S_POD_INFRA_CONTAINER_ID; IgnoreUnknown=1 lets others pass"
  static let refused: [(text: String, message: String, details: String)] = [
    ("FOO", "cannot read CNI_ARGS: \"FOO\" has no \"=\"", grammar),
    ("IgnoreUnknown=1;FOO", "cannot read CNI_ARGS: \"FOO\" has no \"=\"", grammar),
    ("K8S_POD_NAME=a=b", "cannot read CNI_ARGS: \"K8S_POD_NAME=a=b\" has more than one \"=\"", grammar),
    ("IgnoreUnknown=1;A=B=C", "cannot read CNI_ARGS: \"A=B=C\" has more than one \"=\"", grammar),
    ("FOO=BAR", "cannot read CNI_ARGS: \"FOO=BAR\" has an unknown key", knownKeys),
    ("IgnoreUnknown=0;FOO=BAR;BAZ=1", "cannot read CNI_ARGS: \"FOO=BAR\" has an unknown key", knownKeys),
    ("=x", "cannot read CNI_ARGS: \"=x\" has an unknown key", knownKeys),
    (
      "IgnoreUnknown=yes", "cannot read CNI_ARGS: \"IgnoreUnknown=yes\" is neither true nor false",
      "IgnoreUnknown is 1, true, 0 or false, in any case"
    ),
    (
      "K8S_POD_NAME=a;K8S_POD_NAME=b", "cannot read CNI_ARGS: \"K8S_POD_NAME=b\" contradicts an earlier pair",
      "a key may have one value only; see the runtime's and the pod's CNI arguments"
    ),
    (
      "K8S\n\(String(repeating: "x", count: 90))",
      "cannot read CNI_ARGS: \"K8S \(String(repeating: "x", count: 33))…\" has no \"=\"", grammar
    ),
    (";\u{301}A", "cannot read CNI_ARGS: \"\u{301}A\" has no \"=\"", grammar),
  ]

  @Test("what is no list of known pairs is refused with the pair", arguments: refused)
  func refuses(text: String, message: String, details: String) {
    let expected = Failure(code: .invalidEnvironment, message: message, details: details)
    #expect(throws: expected) { try PodArguments(parsing: text) }
    #expect(message.count < 100)
  }
}
