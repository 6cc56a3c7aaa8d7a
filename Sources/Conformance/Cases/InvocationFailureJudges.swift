import CNI
import JSON
import System

extension Catalogue {
  /// INV-06.
  static func judgeErrorCodes(_ lab: Lab) throws {
    try provokeFailures(lab)
    var failureCount = 0
    var wrong: [String] = []
    for (_, reply) in lab.journal.all where reply.status != .exited(0) {
      for code in (reply.documents ?? []).compactMap({ $0["code"] }) {
        failureCount += 1
        if !isAssigned(code) { wrong.append(reply.description) }
      }
    }
    try expect(failureCount > 0, "none of the wrong requests got an error object")
    if let first = wrong.first { throw Discrepancy("\(wrong.count) replies with a wrong code, such as: \(first)") }
  }

  /// Code 8 is the reference library's: the specification says nothing of it.
  private static func isAssigned(_ code: JSONValue) -> Bool {
    guard let code = code.int else { return false }
    return (1...8).contains(code) || [11, 50, 51].contains(code) || code >= 100
  }

  /// A failure of each kind, so that there is something to judge if no other case was run.
  private static func provokeFailures(_ lab: Lab) throws {
    let node = try lab.node()
    let container = try node.container()
    let mistakes: [(inout Call) -> Void] = [
      { $0.environment["CNI_COMMAND"] = "FOO" },
      { $0.environment["CNI_CONTAINERID"] = nil },
      { $0.environment["CNI_IFNAME"] = "much-too-long-a-name" },
      { $0.environment["CNI_NETNS"] = "/run/netns/nowhere" },
      { $0.configuration["cniVersion"] = "9.9.9" },
      { $0.configuration["name"] = "a/b" },
      { $0.input = Array("hello".utf8) },
      { $0.input = [] },
      { $0.environment["PATH"] = "/nowhere" },
      { $0.environment["CNI_PATH"] = "/nowhere" },
      { $0.configuration["prevResult"] = "no result" },
    ]
    for mistake in mistakes {
      var call = try container.call(.ADD)
      mistake(&call)
      _ = try node.run(call)
    }
    guard lab.manifest.role == .main, lab.manifest.delegate != nil else { return }
    let stub = try StubDelegate(on: node)
    let answer = StubDelegate.addresses(in: lab.version).text()
    for prepare in [{ try stub.fail(.ADD, code: 11) }, { try stub.answer(.ADD, output: answer, status: 1) }] {
      try prepare()
      _ = try node.run(node.container().call(.ADD, configuration: lab.delegating(to: stub)).delegating(to: stub))
    }
  }

  /// INV-07.
  static func judgeLateFailures(_ lab: Lab) throws {
    try expectOneDocument("on read-only data", lab.container()) { container, _ in
      for folder in ["/run", "/var/lib/cni", "/var/lib"] where try container.node.isMounted(folder) {
        // As a bind mount: the file system itself may be the machine's.
        try container.node.tool("mount -o remount,bind,ro \(folder)")
      }
    }
    try expectOneDocument("for a namespace that is gone", lab.container()) { container, _ in try container.remove() }
    try expectOneDocument("for the node's own namespace", lab.container()) { container, call in
      let path = "/run/netns/node"
      try container.node.bindOwnNamespace(to: path)
      call = try container.call(.ADD, through: path)
    }
    if lab.subject.isChained {
      try expectOneDocument("without the interface", lab.container()) { container, _ in
        try container.node.tool("ip link delete \(lab.manifest.interface)", in: container)
      }
      try expectOneDocument("without tools", lab.container()) { _, call in
        call.environment["PATH"] = "/nowhere"
      }
    } else {
      try expectOneDocument("for an interface that is there", lab.container()) { container, _ in
        try container.add()
      }
    }
    guard lab.manifest.role == .main, lab.manifest.delegate != nil else { return }
    for (name, isFailing) in [("with a delegate that fails after its answer", true), ("with a useless route", false)] {
      try expectOneDocument(name, lab.container()) { container, call in
        let stub = try StubDelegate(on: container.node)
        var addresses = StubDelegate.addresses(in: lab.version).object ?? [:]
        if !isFailing {
          let route: JSONValue = ["dst": "198.51.100.0/24", "gw": "192.0.2.1"]
          if lab.version < .v0_3_0 {
            addresses = addresses.patched(with: ["ip4": ["routes": [route]]])
          } else {
            addresses["routes"] = [route]
          }
        }
        try stub.answer(.ADD, output: JSONValue.object(addresses).text(), status: isFailing ? 1 : 0)
        call = try container.call(.ADD, configuration: lab.delegating(to: stub)).delegating(to: stub)
      }
    }
  }

  /// Makes an ADD after something has been spoiled: it may fail or not, but must not answer twice.
  private static func expectOneDocument(
    _ name: String, _ container: Container, spoil: (Container, inout Call) throws -> Void
  ) throws {
    var call = try container.call(.ADD)
    try spoil(container, &call)
    let reply = try container.node.run(call)
    let count = reply.documents?.count
    try expect(count == 0 || count == 1, "\(name), \(reply.description)")
  }

  /// INV-08.
  static func judgeVerboseLogging(_ lab: Lab) throws {
    let delegates = lab.manifest.role == .main && lab.manifest.delegate != nil
    guard lab.manifest.verboseConfiguration != nil || delegates else {
      throw Inapplicable("it delegates to nobody, and the manifest knows no verboseConfiguration")
    }
    let container = try lab.container()
    let node = container.node
    var change = lab.manifest.verboseConfiguration ?? [:]
    var searchPath: String?
    if delegates {
      let stub = try StubDelegate(on: node)
      let flood = "/usr/bin/head -c 1048576 /dev/zero | /usr/bin/tr '\\000' x >&2"
      try stub.answer(.ADD, output: StubDelegate.addresses(in: lab.version).text(), script: flood)
      for verb in [Command.CHECK, .STATUS, .GC, .DEL] { try stub.answer(verb, script: flood) }
      change = try change.patched(with: lab.delegating(to: stub))
      searchPath = stub.folder
    }
    func run(_ verb: Command, result: JSONObject? = nil) throws -> Reply {
      let more = verb == .GC ? container.asOnlyValidAttachment : [:]
      var call = try container.call(verb, result: result, configuration: change.patched(with: more))
      if let searchPath, verb != .VERSION { call.environment["CNI_PATH"] = searchPath }
      return try node.run(call)
    }
    let result = try run(.ADD).result()
    for verb in [Command.CHECK, .STATUS, .GC] where lab.version >= verb.introduced {
      let reply = try run(verb, result: result)
      // Whether it succeeds is for other cases.
      if try reply.succeedOrFailCleanly() { try reply.succeedSilently() }
    }
    try run(.DEL, result: result).succeedSilently()
    if lab.version >= Command.VERSION.introduced { _ = try run(.VERSION).result() }
  }
}

extension LabNode {
  /// Whether a folder is a file system of its own here.
  fileprivate func isMounted(_ folder: String) throws -> Bool {
    try program("/usr/bin/mountpoint", ["-q", folder]).status == .exited(0)
  }
}
