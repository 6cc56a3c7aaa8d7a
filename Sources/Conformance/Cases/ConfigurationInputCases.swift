import CNI
import JSON

extension Catalogue {
  /// What arrives on standard input.
  static let configurationCases: [ConformanceCase] = inputCases + networkNameCases + configurationKeyCases

  /// Input that is broken, ambiguous or large.
  private static let inputCases: [ConformanceCase] = [
    ConformanceCase(
      "CFG-01", .should, .all, [.error],
      stimulus: "ADD with empty input",
      expectation: "a clean error with code 6 or 5, and no trace"
    ) { lab in
      try lab.container().expectRefusals(of: ["empty"], codes: lab.codes(5, 6)) { _, call in call.input = [] }
    },
    ConformanceCase(
      "CFG-02", .should, .all, [.error],
      stimulus: "ADD with the input: hello",
      expectation: "a clean error with code 6, and no trace"
    ) { lab in
      try lab.container().expectRefusals(of: ["hello"], codes: lab.codes(6)) { text, call in
        call.input = Array(text.utf8)
      }
    },
    ConformanceCase(
      "CFG-03", .should, .all, [.error],
      stimulus: "ADD with a configuration that is cut after its first byte, in the middle, and before its last byte",
      expectation: "a clean error with code 6 each, and no trace"
    ) { lab in
      try lab.container().expectRefusals(of: ["first byte", "middle", "last byte"], codes: lab.codes(6)) { cut, call in
        let whole = call.standardInput
        let count =
          switch cut {
          case "first byte": 1
          case "middle": whole.count / 2
          default: whole.count - 1
          }
        call.input = Array(whole.prefix(count))
      }
    },
    ConformanceCase(
      "CFG-04", .should, .all, [.error],
      stimulus: #"ADD with JSON that is no object: [] "x" 7 null true"#,
      expectation: "a clean error with code 6 or 7 each, and no trace"
    ) { lab in
      let texts = ["[]", #""x""#, "7", "null", "true"]
      try lab.container().expectRefusals(of: texts, codes: lab.codes(6, 7)) { text, call in
        call.input = Array(text.utf8)
      }
    },
    ConformanceCase(
      "CFG-05", .should, .all, [.error],
      stimulus: "ADD with a configuration that is followed by xyz, by {}, by ,{}",
      expectation: "a clean error with code 6 each, and no trace"
    ) { lab in
      try lab.container().expectRefusals(of: ["xyz", "{}", ",{}"], codes: lab.codes(6)) { text, call in
        call.input = call.standardInput + Array(text.utf8)
      }
    },
    ConformanceCase(
      "CFG-06", .convention, .all, [.error],
      stimulus: "ADD with a byte order mark before the configuration",
      expectation: "success, or a clean error with code 6 and no trace"
    ) { lab in
      try lab.node().addOrRefuse(codes: lab.codes(6)) { _, call in
        call.input = [0xEF, 0xBB, 0xBF] + call.standardInput
      }
    },
    ConformanceCase(
      "CFG-07", .convention, .all, [.requestConfiguration],
      stimulus: "ADD with two cniVersion: two that the plugin lists, or one of them and 9.9.9",
      expectation: "one of the two rules label and shape of the result, or a clean error without trace",
      judge: judgeTwoVersions),
    ConformanceCase(
      "CFG-08", .convention, .all, [.requestConfiguration],
      stimulus: "ADD with the key NAME in place of name",
      expectation: "success, or a clean error with code 7 and no trace"
    ) { lab in
      try lab.node().addOrRefuse(codes: lab.codes(7)) { _, call in
        let name = call.configuration["name"]
        call.configuration["name"] = nil
        call.configuration["NAME"] = name
      }
    },
    ConformanceCase(
      "CFG-09", .convention, .all, [.error],
      stimulus: "ADD with an unknown key whose value is nested 1000, 9000, 20000 and 200000 deep",
      expectation: "success, or a clean error without trace"
    ) { lab in
      let node = try lab.node()
      for depth in [1000, 9000, 20_000, 200_000] {
        let opening = String(repeating: #"[{"a":"#, count: depth / 2),
          closing = String(repeating: "}]", count: depth / 2)
        try attempt("\(depth) deep") {
          try node.addOrRefuse { _, call in
            call.append(rawMember: Array(#""x-unknown":\#(opening)0\#(closing)"#.utf8))
          }
        }
      }
    },
    ConformanceCase(
      "CFG-10", .convention, .all, [.pluginConfiguration],
      stimulus: "ADD with an unknown key whose value is a string of 1 MiB and of 16 MiB",
      expectation: "within 60 seconds success, or a clean error without trace"
    ) { lab in
      let node = try lab.node()
      for mebibytes in [1, 16] {
        try attempt("\(mebibytes) MiB") {
          try node.addOrRefuse { _, call in
            call.timeLimit = .seconds(60)
            let text = [UInt8](repeating: UInt8(ascii: "x"), count: mebibytes << 20)
            call.append(rawMember: Array(#""x-unknown":""#.utf8) + text + [UInt8(ascii: "\"")])
          }
        }
      }
    },
  ]

  private static func judgeTwoVersions(_ lab: Lab) throws {
    let node = try lab.node()
    // Another one with results of another shape, if there is.
    let others = lab.subject.versions.filter { $0 != lab.version }
    let other = others.last { ($0 < .v1_0_0) != (lab.version < .v1_0_0) } ?? others.last
    var pairs = [[lab.version.rawValue, "9.9.9"], ["9.9.9", lab.version.rawValue]]
    if let other { pairs += [[lab.version.rawValue, other.rawValue], [other.rawValue, lab.version.rawValue]] }
    for pair in pairs {
      try attempt(pair.joined(separator: " and ")) {
        let result = try node.addOrRefuse { container, call in
          // Whatever comes last rules in most libraries.
          let ruling = pair.compactMap(SpecVersion.init(rawValue:)).last ?? lab.version
          call.configuration["prevResult"] = try container.previousResult(in: ruling).map { .object($0) }
          call.configuration["cniVersion"] = .string(pair[1])
          call.prepend(rawMember: Array(#""cniVersion":"\#(pair[0])""#.utf8))
        }
        guard let result else { return }
        let label = result["cniVersion"]?.string ?? ""
        guard pair.contains(label), let version = SpecVersion(rawValue: label) else {
          throw Discrepancy("the result is labelled \"\(label)\"")
        }
        try expectSameShape(result, as: node.container().add(in: version))
      }
    }
  }
}
