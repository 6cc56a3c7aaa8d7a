import CNI
import JSON

extension Catalogue {
  /// A result's label, and whether it fits what is in it.
  static let resultVersionCases: [ConformanceCase] = [
    ConformanceCase(
      "VER-06", .must, .all, each: true, [.versionSuccess, .addSuccess],
      stimulus: "ADD in a version that the plugin lists",
      expectation: "success, and a result of that cniVersion"
    ) { lab in
      try ResultShape(version: lab.version).expectLabel(in: lab.container().add())
    },
    ConformanceCase(
      "VER-08", .must, .all, each: true, [.addSuccess],
      stimulus: "ADD in a version that the plugin lists",
      expectation: "a result with the keys of that version, and no others' keys"
    ) { lab in
      try ResultShape(version: lab.version).expectFit(lab.container().add())
    },
    ConformanceCase(
      "VER-09", .should, [.chained], in: .v0_3_0 ... .v1_0_0, [.addSuccess],
      stimulus: "ADD with a prevResult whose interfaces and routes have the fields that 1.1.0 added",
      expectation: "a result without them, or a clean error"
    ) { lab in
      let container = try lab.container()
      var previous = try container.previousResult(in: lab.version) ?? [:]
      previous.addToElements(of: "interfaces", ["mtu": 1500, "socketPath": "/run/vhost.sock", "pciID": "0000:00:1f.6"])
      previous.addToElements(
        of: "routes", ["mtu": 1400, "advmss": 1360, "priority": 100, "table": 254, "scope": 0])
      let reply = try container.node.run(container.call(.ADD, result: previous))
      guard try reply.succeedOrFailCleanly() else { return }
      try ResultShape(version: lab.version).expectFit(reply.result())
    },
    ConformanceCase(
      "VER-10", .should, .mainAndChained, in: .v0_1_0 ... .v0_2_0, [.addSuccess],
      stimulus: "ADD where there is no address to tell of",
      expectation: "refusal without a trace, or a result that says no more than there is"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let call = try container.callWithoutAddresses(in: lab.version)
      let baseline = try node.state()
      let reply = try node.run(call)
      guard try reply.succeedOrFailCleanly() else { return try node.expectNoTrace(since: baseline) }
      let result = try reply.result()
      try ResultShape(version: lab.version).expectFit(result)
      try expect(result.resultAddresses.isEmpty, "an address that there is not: \(reply.description)")
    },
    ConformanceCase(
      "VER-11", .convention, [.chained], in: .from0_3, [.requestConfiguration],
      stimulus: "ADD with a prevResult of another version than the configuration's, each in turn",
      expectation: "a clean error, or a result of the configuration's version in label and keys"
    ) { lab in
      let node = try lab.node()
      let shape = ResultShape(version: lab.version)
      for other in SpecVersion.allSupported where other >= .v0_3_0 && other != lab.version {
        let container = try node.container()
        let previous = try container.previousResult(in: other)
        let reply = try node.run(container.call(.ADD, result: previous))
        guard try reply.succeedOrFailCleanly() else { continue }
        try shape.expectLabel(in: reply.result())
        try shape.expectFit(reply.result())
      }
    },
    ConformanceCase(
      "VER-12", .must, [.chained], in: .from0_3, [.addSuccess],
      stimulus: "ADD with a prevResult without cniVersion",
      expectation: "a result of the configuration's cniVersion"
    ) { lab in
      let container = try lab.container()
      var previous = try container.previousResult(in: lab.version) ?? [:]
      previous["cniVersion"] = nil
      let result = try container.node.run(container.call(.ADD, result: previous)).result()
      try ResultShape(version: lab.version).expectLabel(in: result)
    },
  ]
}

extension JSONObject {
  /// Adds members to each object of a list.
  fileprivate mutating func addToElements(of key: String, _ members: JSONObject) {
    guard let elements = self[key]?.array else { return }
    self[key] = .array(elements.map { .object(($0.object ?? [:]).patched(with: members)) })
  }
}

extension Container {
  /// ADD in a version that has no lists, of an attachment without any address.
  ///
  /// - Throws: `Inapplicable` if a main plugin's manifest does not say how that is asked for.
  func callWithoutAddresses(in version: SpecVersion) throws -> Call {
    let subject = node.lab.subject
    guard !subject.isChained else {
      var call = try call(.ADD, in: version)
      call.configuration["prevResult"] = ["cniVersion": .string(version.rawValue)]
      return call
    }
    guard let patch = subject.manifest.withoutAddresses else {
      throw Inapplicable("the manifest has no configuration for interfaces without addresses")
    }
    return try call(.ADD, in: version, configuration: patch)
  }
}
