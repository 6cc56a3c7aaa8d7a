import CNI
import JSON

extension Catalogue {
  /// Container ids and names of interfaces.
  static let attachmentNameCases: [ConformanceCase] = [
    ConformanceCase(
      "INV-17", .should, .all, in: .from0_4, [.parameters, .attachmentParameters],
      stimulus: "ADD with container ids that are none: -abc a/b a⎵b ../../tmp/x é1 .a _a a;b",
      expectation: "a clean error with code 4, no trace, and no file outside of the plugin's folders"
    ) { lab in
      let container = try lab.container()
      let stray = LabNode.strayName()
      let ids = ["-abc", "a/b", "a b", "../../\(stray)", "../../tmp/\(stray)", "é1", ".a", "_a", "a;b"]
      try container.node.expectNoStray(stray) {
        try container.expectRefusals(of: ids, codes: lab.codes(4)) { (id: String, call) in
          call.environment["CNI_CONTAINERID"] = id
        }
      }
    },
    ConformanceCase(
      "INV-18", .must, .all, [.parameters, .attachmentParameters],
      stimulus: "ADD and DEL with the container ids a, cni, A.b_c-D and one of 250 characters",
      expectation: "they succeed"
    ) { lab in
      let node = try lab.node()
      for id in ["a", "cni", "A.b_c-D", String(repeating: "c0ffee0123", count: 25)] {
        try attempt(id) {
          let container = try node.container(id)
          try container.delete(result: container.add())
        }
      }
    },
    ConformanceCase(
      "INV-19", .must, .mainAndChained, [.parameters, .add],
      stimulus: "ADD for interfaces that cannot be: 16 bytes, . .. a/b a:b, with a space or a tab, é eight times",
      expectation: "a clean error, no shorter name in its place, and no trace"
    ) { lab in
      let names = [
        "eth0123456789012", ".", "..", "a/b", "a:b", "a b", "a\tb", String(repeating: "é", count: 8),
      ]
      try lab.container().expectRefusals(of: names, codes: nil) { (name: String, call) in
        call.environment["CNI_IFNAME"] = name
      }
    },
    ConformanceCase(
      "INV-20", .must, [.main], [.parameters, .add],
      stimulus: "ADD for an interface with a name of 15 bytes",
      expectation: "the kernel and the result have exactly this name"
    ) { lab in
      try lab.requireNamedInterface()
      let container = try lab.container()
      let name = "eth012345678901"
      let result = try container.add(interface: name)
      let names = try container.interfaceNames()
      try expect(names == ["lo", name].sorted(), "the container has the interfaces \(names)")
      guard lab.version >= .v0_3_0 else { return }
      try expectInside(name, in: result)
    },
    ConformanceCase(
      "INV-21", .convention, .mainAndChained, [.parameters],
      stimulus: "ADD for interfaces with odd names that the kernel has nothing against: eth-é and e@x",
      expectation: "success or a clean error without trace, and never another name"
    ) { lab in
      try lab.requireNamedInterface()
      let node = try lab.node()
      for name in ["eth-é", "e@x"] {
        try attempt(name) { try judgeOddName(name, on: node) }
      }
    },
  ]

  private static func judgeOddName(_ name: String, on node: LabNode) throws {
    let container = try node.container()
    var call = try container.call(.ADD, interface: name)
    if node.lab.subject.isChained {
      let usual = node.lab.manifest.interface
      try node.tool("ip link set '\(usual)' name '\(name)'", in: container)
      call.configuration["prevResult"] = call.configuration["prevResult"]?.renaming(interface: usual, to: name)
    }
    let baseline = try node.state()
    let before = try container.interfaceNames()
    let reply = try node.run(call)
    guard try reply.succeedOrFailCleanly() else { return try node.expectNoTrace(since: baseline) }
    let after = try container.interfaceNames()
    let wanted = Set(before).union([name]).sorted()
    try expect(after == wanted, "the container has the interfaces \(after)")
    if node.lab.version >= .v0_3_0 { try expectInside(name, in: reply.result()) }
  }

  /// Checks that the interfaces of the result inside the container are one of this name.
  private static func expectInside(_ name: String, in result: JSONObject) throws {
    let inside = (result["interfaces"]?.array ?? []).filter { $0["sandbox"]?.string?.isEmpty == false }
    let names = inside.map { $0["name"]?.string ?? "without name" }
    try expect(names == [name], "the result has these interfaces in the container: \(names)")
  }
}

extension Lab {
  /// - Throws: `Inapplicable` for a plugin whose interface has a name of its own.
  fileprivate func requireNamedInterface() throws {
    if manifest.interface == "lo" { throw Inapplicable("its interface is always lo") }
  }
}

extension JSONValue {
  /// A result with another name for an interface.
  fileprivate func renaming(interface name: String, to other: String) -> JSONValue {
    guard var result = object, let interfaces = result["interfaces"]?.array else { return self }
    result["interfaces"] = .array(
      interfaces.map { interface in
        guard var object = interface.object, object["name"]?.string == name else { return interface }
        object["name"] = .string(other)
        return .object(object)
      })
    return .object(result)
  }
}
