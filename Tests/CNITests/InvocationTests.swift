import CNI
import Testing

@Suite struct InvocationTests {
  static let complete = [
    "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "/run/netns/cni-1", "CNI_IFNAME": "eth0",
    "CNI_ARGS": "K8S_POD_NAME=cart", "CNI_PATH": "/opt/cni/bin", "TRACEPARENT": "00-1-2-01", "HOME": "/",
  ]

  static func environment(_ command: String, _ changes: [String: String?] = [:]) -> [String: String] {
    var environment = complete
    environment["CNI_COMMAND"] = command
    for (key, value) in changes { environment[key] = value }
    return environment
  }

  @Test("every variable is read", arguments: [Command.ADD, .CHECK, .DEL])
  func readsVariables(command: Command) throws {
    let invocation = try Invocation(environment: Self.environment(command.rawValue))
    #expect(invocation.command == command)
    #expect(invocation.containerID == "c1")
    #expect(invocation.namespacePath == "/run/netns/cni-1")
    #expect(invocation.interfaceName == "eth0")
    #expect(invocation.arguments == "K8S_POD_NAME=cart")
    #expect(invocation.path == "/opt/cni/bin")
    #expect(invocation.traceParent == "00-1-2-01")
    #expect(!invocation.allowsOwnNamespace)
  }

  @Test("CNI_ARGS, CNI_PATH and TRACEPARENT may be absent or empty", arguments: [nil, ""] as [String?])
  func toleratesAbsence(value: String?) throws {
    let changes = ["CNI_ARGS": value, "CNI_PATH": value, "TRACEPARENT": value]
    let invocation = try Invocation(environment: Self.environment("ADD", changes))
    #expect(invocation.arguments.isEmpty)
    #expect(invocation.path.isEmpty)
    #expect(invocation.traceParent == nil)
  }

  @Test("DEL works without a namespace", arguments: [nil, ""] as [String?])
  func deletesWithoutNamespace(value: String?) throws {
    let invocation = try Invocation(environment: Self.environment("DEL", ["CNI_NETNS": value]))
    #expect(invocation.namespacePath == nil)
  }

  @Test(
    "verbs that concern no attachment look at none of its variables",
    arguments: [Command.GC, .STATUS, .VERSION], ["", "dummy", "../../etc", nil])
  func ignoresAttachment(command: Command, value: String?) throws {
    let changes = ["CNI_CONTAINERID": value, "CNI_NETNS": value, "CNI_IFNAME": value]
    let invocation = try Invocation(environment: Self.environment(command.rawValue, changes))
    #expect(invocation.command == command)
    #expect(invocation.containerID.isEmpty)
    #expect(invocation.namespacePath == nil)
    #expect(invocation.interfaceName.isEmpty)
  }

  static let overrides: [(value: String, isAllowed: Bool)] = [
    ("1", true), ("true", true), ("TRUE", true), ("True", true), ("yes", false), ("0", false), ("", false),
  ]

  @Test("CNI_NETNS_OVERRIDE is 1 or true", arguments: overrides)
  func readsOverride(value: String, isAllowed: Bool) throws {
    let environment = Self.environment("ADD", ["CNI_NETNS_OVERRIDE": value])
    #expect(try Invocation(environment: environment).allowsOwnNamespace == isAllowed)
  }

  @Test("a start without a verb is told apart", arguments: [nil, ""] as [String?])
  func tellsMissingCommand(value: String?) {
    var environment = Self.complete
    environment["CNI_COMMAND"] = value
    #expect(throws: Invocation.missingCommand) { try Invocation(environment: environment) }
    #expect(
      Invocation.missingCommand
        == Failure(
          code: .invalidEnvironment,
          message: "cannot run without CNI_COMMAND in the environment",
          details: "this program is a CNI plugin: a container runtime starts it and says what to do in CNI_* variables")
    )
  }

  @Test("unknown and lower-case verbs are refused", arguments: ["FOO", "add", "Add", "ADD ", "GET"])
  func refusesUnknownVerb(verb: String) {
    let expected = Failure(
      code: .invalidEnvironment,
      message: "cannot run CNI_COMMAND \"\(verb)\": unknown verb",
      details: "known are ADD, DEL, CHECK, GC, STATUS, VERSION, in capitals")
    #expect(throws: expected) { try Invocation(environment: Self.environment(verb)) }
  }

  static let missing: [(command: String, absent: [String], named: String)] = [
    ("ADD", ["CNI_CONTAINERID"], "CNI_CONTAINERID"),
    ("ADD", ["CNI_NETNS"], "CNI_NETNS"),
    ("CHECK", ["CNI_NETNS"], "CNI_NETNS"),
    ("ADD", ["CNI_IFNAME", "CNI_NETNS", "CNI_CONTAINERID"], "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME"),
    ("DEL", ["CNI_IFNAME", "CNI_NETNS", "CNI_CONTAINERID"], "CNI_CONTAINERID, CNI_IFNAME"),
    ("CHECK", ["CNI_IFNAME"], "CNI_IFNAME"),
    ("GC", ["CNI_PATH"], "CNI_PATH"),
  ]

  @Test("all missing variables are named at once", arguments: missing, [nil, ""] as [String?])
  func namesMissing(row: (command: String, absent: [String], named: String), value: String?) {
    let changes = Dictionary(uniqueKeysWithValues: row.absent.map { ($0, value) })
    let expected = Failure(
      code: .invalidEnvironment,
      message: "cannot run \(row.command) without \(row.named)",
      details: "the container runtime sets these environment variables; an empty one counts as missing")
    #expect(throws: expected) { try Invocation(environment: Self.environment(row.command, changes)) }
  }

  @Test(
    "container ids that could leave a directory or break a name are refused",
    arguments: ["-abc", "a/b", "a b", "../../tmp/x", "é1", ".a", "_a", "a;b", "a\u{0}", "a\n"],
    [Command.ADD, .DEL, .CHECK])
  func refusesContainerID(id: String, command: Command) {
    let shown = id.replacing("\u{0}", with: " ").replacing("\n", with: " ")
    let expected = Failure(
      code: .invalidEnvironment,
      message: "cannot use CNI_CONTAINERID \"\(shown)\": not a valid name",
      details:
        "a container id is made of ASCII letters, digits, \"_\", \".\" and \"-\" and starts with a letter or digit")
    #expect(throws: expected) {
      try Invocation(environment: Self.environment(command.rawValue, ["CNI_CONTAINERID": id]))
    }
  }

  @Test("valid container ids are kept", arguments: ["a", "0", "cni", "A.b_c-D", String(repeating: "a", count: 250)])
  func acceptsContainerID(id: String) throws {
    #expect(try Invocation(environment: Self.environment("ADD", ["CNI_CONTAINERID": id])).containerID == id)
  }

  @Test(
    "interface names that the kernel refuses are refused",
    arguments: ["sixteen-bytes-xx", ".", "..", "a/b", "a:b", "a b", "a\tb", "éééééééé", "a\u{a0}b", "a\u{0}b"])
  func refusesInterfaceName(name: String) throws {
    let environment = Self.environment("ADD", ["CNI_IFNAME": name])
    let failure = try #require(throws: Failure.self) { try Invocation(environment: environment) }
    #expect(failure.code == .invalidEnvironment)
    #expect(failure.message.hasPrefix("cannot use CNI_IFNAME \""))
    #expect(failure.message.hasSuffix("\": not a valid name"))
    #expect(
      failure.details
        == "an interface name has 1 to 15 bytes, no \"/\", no \":\" and no white space, and is not \".\" or \"..\"")
  }

  @Test("odd names that the kernel allows are kept", arguments: ["fifteen-bytes-x", "eth-é", "e@x", "...", "ééééééé"])
  func acceptsInterfaceName(name: String) throws {
    #expect(try Invocation(environment: Self.environment("ADD", ["CNI_IFNAME": name])).interfaceName == name)
  }

  @Test("long values are cut in messages")
  func cutsLongValues() throws {
    let id = String(repeating: "/", count: 5000)
    let failure = try #require(throws: Failure.self) {
      try Invocation(environment: Self.environment("ADD", ["CNI_CONTAINERID": id]))
    }
    #expect(failure.message.count < 100)
  }
}
