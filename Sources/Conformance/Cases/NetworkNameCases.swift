import CNI
import JSON

extension Catalogue {
  /// Names and versions in the configuration.
  static let networkNameCases: [ConformanceCase] = [
    ConformanceCase(
      "CFG-11", .should, .all, in: .from1_0, [.configurationFormat, .error],
      stimulus: "ADD with a network name that is none: absent, empty, -x a/b .. ../../x a⎵b é .x, with NUL inside",
      expectation: "a clean error with code 7, no trace, and no file outside of the plugin's folders"
    ) { lab in
      let container = try lab.container()
      let stray = LabNode.strayName()
      let names: [JSONValue] = ["", "-x", "a/b", "..", "../../\(stray)", "a b", "é", ".x", "a\0b"]
      try container.node.expectNoStray(stray) {
        try container.expectRefusals(of: ["absent"], codes: [7]) { _, call in call.configuration["name"] = nil }
        try container.expectRefusals(of: names, codes: [7]) { name, call in call.configuration["name"] = name }
      }
    },
    ConformanceCase(
      "CFG-12", .must, .all, [.configurationFormat],
      stimulus: "ADD and DEL with the network names a, 0, A.b-c_d and one of 200 characters",
      expectation: "they succeed"
    ) { lab in
      let node = try lab.node()
      for name in ["a", "0", "A.b-c_d", String(repeating: "network-00", count: 20)] {
        try attempt(name) {
          let container = try node.container()
          let change: JSONObject = ["name": .string(name)]
          let result = try container.add(configuration: change)
          try container.delete(result: result, configuration: change)
        }
      }
    },
    ConformanceCase(
      "CFG-13", .should, .all, [.error],
      stimulus: "ADD with a name or cniVersion that is null, a number, a truth value, a list, an object",
      expectation: "a clean error with code 6 or 7, and no trace; a cniVersion of null may count as absent",
      judge: judgeWrongTypes),
    ConformanceCase(
      "CFG-14", .should, .all, in: .v0_1_0 ... .v0_2_0, [.configurationFormat, .library],
      stimulus: "ADD without cniVersion, to a plugin that lists 0.1.0 or 0.2.0",
      expectation: "what these versions would have got, or a clean error with code 1 and no trace"
    ) { lab in
      let result = try lab.node().addOrRefuse(codes: [1]) { container, call in
        try call.removeVersion(for: container)
      }
      if let result { try expectOldest(result) }
    },
    ConformanceCase(
      "CFG-15", .must, .all, [.version0_4, .error],
      stimulus: "ADD in versions that do not exist: 9.9.9, 1.2.0, 0.5.0, 2.0.0",
      expectation: "a clean error with code 1, and no trace"
    ) { lab in
      let versions = ["9.9.9", "1.2.0", "0.5.0", "2.0.0"]
      try lab.container().expectRefusals(of: versions, codes: [1]) { version, call in
        call.configuration["cniVersion"] = .string(version)
      }
    },
    ConformanceCase(
      "CFG-16", .should, .all, [.configurationFormat],
      stimulus: "ADD in what looks like a version: abc 1 1.0 v1.0.0 1.0.0-rc1 ⎵1.0.0 1.0.0.0",
      expectation: "a clean error with code 1 or 6, and no trace"
    ) { lab in
      let versions = ["abc", "1", "1.0", "v1.0.0", "1.0.0-rc1", " 1.0.0", "1.0.0.0"]
      try lab.container().expectRefusals(of: versions, codes: [1, 6]) { version, call in
        call.configuration["cniVersion"] = .string(version)
      }
    },
  ]

  private static func judgeWrongTypes(_ lab: Lab) throws {
    let container = try lab.container()
    let types: [JSONValue] = [7, true, [], [:]]
    for key in ["name", "cniVersion"] {
      try attempt(key) {
        try container.expectRefusals(of: types, codes: lab.codes(6, 7)) { value, call in
          call.configuration[key] = value
        }
      }
    }
    try attempt("name") {
      try container.expectRefusals(of: [JSONValue.null], codes: lab.codes(6, 7)) { value, call in
        call.configuration["name"] = value
      }
    }
    let result = try container.node.addOrRefuse(codes: [1, 6, 7]) { container, call in
      try call.removeVersion(for: container)
      call.configuration["cniVersion"] = .null
    }
    if let result { try attempt("cniVersion null") { try expectOldest(result) } }
  }

  /// Checks that a request without a version was taken for one of 0.1.0 or 0.2.0.
  private static func expectOldest(_ result: JSONObject) throws {
    let version = result["cniVersion"]?.string.flatMap(SpecVersion.init(rawValue:))
    let isOld = version.map { $0 < .v0_3_0 } ?? false
    try expect(
      isOld && result["ips"] == nil && result["interfaces"] == nil,
      "the result is none of 0.1.0 or 0.2.0: \(JSONValue.object(result))")
  }
}

extension Call {
  /// Takes the version out of the configuration, and gives `prevResult` the shape that then counts.
  fileprivate mutating func removeVersion(for container: Container) throws {
    configuration["cniVersion"] = nil
    var previous = try container.previousResult(in: .v0_2_0)
    previous?["cniVersion"] = nil
    configuration["prevResult"] = previous.map { .object($0) }
  }
}
