import CNI
import JSON
import System

extension Catalogue {
  /// Keys that the plugin does not know or need, and input that comes slowly or in another spelling.
  static let configurationKeyCases: [ConformanceCase] = [
    ConformanceCase(
      "CFG-17", .should, .all, [.pluginConfiguration, .requestConfiguration],
      stimulus: "ADD with unknown keys, keys of lists such as disableCheck, cni.dev/foo, capabilities, args.cni.labels",
      expectation: "they are ignored; all but the last two may get a clean error with code 2 that has key and value",
      judge: judgeUnknownKeys),
    ConformanceCase(
      "CFG-18", .must, .all, [.delegatedProtocol],
      stimulus: "ADD with a type that is not the plugin's name, as every IPAM plugin gets it",
      expectation: "an IPAM plugin ignores it; others do so, too, or fail cleanly without trace"
    ) { lab in
      let node = try lab.node()
      let result = try node.addOrRefuse { _, call in call.configuration["type"] = "another-type" }
      try expect(result != nil || lab.manifest.role != .ipam, "ADD fails because of the type")
    },
    ConformanceCase(
      "CFG-19", .must, .all, [.add],
      stimulus: "ADD with its configuration in pieces of 7 bytes, 2 ms apart",
      expectation: "the same result as in one piece"
    ) { lab in
      let node = try lab.node()
      let plain = try node.container().add()
      let call = try node.container().call(.ADD)
      var running = try node.start(call)
      try running.send(inPiecesOf: 7, of: call.standardInput.count, every: .milliseconds(2), in: lab)
      try expectSameShape(running.reply().result(), as: plain)
    },
    ConformanceCase(
      "CFG-20", .convention, .all, [.add],
      stimulus: "ADD whose configuration is complete, but without its end for 1.5 seconds",
      expectation: "the plugin waits for the end and does nothing before it; then it succeeds"
    ) { lab in
      let container = try lab.container()
      let node = container.node
      let baseline = try node.state()
      var running = try node.start(container.call(.ADD))
      try running.send()
      lab.pause(.milliseconds(1500))
      let mark = "\(running.pid) "
      let waits = try node.processes().contains { $0.hasPrefix(mark) }
      let differences = try node.state().differences(from: baseline)
      let reply = try running.reply()
      try expect(waits, "before its input had ended, \(reply.description)")
      try expect(differences.isEmpty, "before its input had ended: \(differences.prefix(5).joined(separator: "; "))")
      _ = try reply.result()
    },
    ConformanceCase(
      "CFG-21", .convention, .all, [.error],
      stimulus: "ADD with an unknown key whose string is not UTF-8",
      expectation: "success, or a clean error with code 6 and no trace"
    ) { lab in
      try lab.node().addOrRefuse(codes: lab.codes(6)) { _, call in
        call.append(rawMember: Array(#""x-unknown":""#.utf8) + [0x61, 0xFF, 0xC0, 0xAF, UInt8(ascii: "\"")])
      }
    },
    ConformanceCase(
      "CFG-22", .convention, .all, [.requestConfiguration],
      stimulus: "ADD with null for dns, runtimeConfig and args, and where they need not be, for ipam and prevResult",
      expectation: "as without the key",
      judge: judgeNullKeys),
    ConformanceCase(
      "CFG-23", .convention, .all, [.configurationFormat],
      stimulus: "ADD, and DEL up to three times, with a network name of 300 characters",
      expectation: "ADD succeeds, or fails cleanly; DEL does not fail each time, and leaves no trace of a failed ADD"
    ) { lab in
      let container = try lab.container()
      let node = container.node
      let change: JSONObject = ["name": .string(String(repeating: "network-00", count: 30))]
      let baseline = try node.state()
      let added = try node.run(container.call(.ADD, configuration: change))
      let result = try added.succeedOrFailCleanly() ? added.result() : nil
      var last: Reply?
      for _ in 0..<3 where last?.status != .exited(0) {
        last = try node.run(container.call(.DEL, result: result, configuration: change))
        try last?.succeedOrFailCleanly()
      }
      try last?.succeed()
      if result == nil { try node.expectNoTrace(since: baseline) }
    },
    ConformanceCase(
      "CFG-24", .convention, .all, [.error],
      stimulus: "ADD with integers spelled 1e0 and 1.0 and one above 2^53, and with escapes in its keys",
      expectation: "what it means in the usual spelling, or a clean error with code 6 or 7 and no trace",
      judge: judgeSpellings),
  ]

  private static func judgeUnknownKeys(_ lab: Lab) throws {
    let node = try lab.node()
    let unknown: JSONObject = [
      "x-unknown": "x-value", "disableCheck": true, "disableGC": true, "loadOnlyInlinedPlugins": true,
      "cniVersions": [.string(lab.version.rawValue)], "cni.dev/foo": "bar",
    ]
    for (key, value) in unknown.members {
      try attempt(key) {
        let container = try node.container()
        let baseline = try node.state()
        let reply = try node.run(container.call(.ADD, configuration: [key: value]))
        if reply.status == .exited(0) {
          _ = try reply.result()
        } else {
          let message = try reply.cleanError([2]).message
          let word = value.string ?? value.text()
          try expect(message.contains(key) && message.contains(word), "key or value is not in \"\(message)\"")
          try node.expectNoTrace(since: baseline)
        }
        try container.remove()
      }
    }
    let allowed: JSONObject = [
      "capabilities": ["io.kubernetes.cri.pod-annotations": true],
      "args": ["cni": ["labels": [["key": "app", "value": "conformance"]]]],
    ]
    for (key, value) in allowed.members {
      try attempt(key) { try node.container().add(configuration: [key: value]) }
    }
  }

  private static func judgeNullKeys(_ lab: Lab) throws {
    let node = try lab.node()
    var keys = ["dns", "runtimeConfig", "args"]
    if lab.manifest.configuration["ipam"] == nil { keys.append("ipam") }
    if !lab.subject.isChained { keys.append("prevResult") }
    for key in keys {
      func add(_ value: JSONValue?) throws -> JSONObject {
        var call = try node.container().call(.ADD)
        call.configuration[key] = value
        return try node.run(call).result()
      }
      try attempt(key) { try expectSameShape(add(.null), as: add(nil)) }
    }
  }

  private static func judgeSpellings(_ lab: Lab) throws {
    let node = try lab.node()
    let change = lab.manifest.resultChange ?? [:]
    let plain = try node.container().add(configuration: change)
    for suffix in [".0", "e0"] {
      try attempt("integers with \(suffix)") {
        let result = try node.addOrRefuse(codes: lab.codes(6, 7)) { container, call in
          call = try container.call(.ADD, configuration: change)
          call.configuration["x-unknown"] = 1000
          call.configuration = try call.configuration.spellingIntegers(suffix)
        }
        if let result { try expectSameShape(result, as: plain) }
      }
    }
    try attempt("an integer above 2^53") {
      let result = try node.addOrRefuse(codes: lab.codes(6, 7)) { container, call in
        call = try container.call(.ADD, configuration: change)
        call.configuration["x-unknown"] = 9_007_199_254_740_993
      }
      if let result { try expectSameShape(result, as: plain) }
    }
    try attempt("keys with escapes") {
      let result = try node.addOrRefuse(codes: lab.codes(6, 7)) { container, call in
        call = try container.call(.ADD, configuration: change)
        call.input = call.configuration.withEscapedKeys()
      }
      if let result { try expectSameShape(result, as: plain) }
    }
  }
}

extension JSONObject {
  /// The same with another spelling of its integers, at every depth: `.0` makes 7 to 7.0.
  fileprivate func spellingIntegers(_ suffix: String) throws -> JSONObject {
    func respelled(_ value: JSONValue) throws -> JSONValue {
      switch value {
      case .object(let object): .object(JSONObject(try object.members.map { ($0.key, try respelled($0.value)) }))
      case .array(let elements): .array(try elements.map(respelled))
      case .number where value.int != nil: try JSONValue(parsing: Array("\(value.text())\(suffix)".utf8))
      case .number, .string, .bool, .null: value
      }
    }
    return JSONObject(try members.map { ($0.key, try respelled($0.value)) })
  }

  /// Its text with the first character of each of its own keys written as `\u006e`.
  fileprivate func withEscapedKeys() -> [UInt8] {
    let spelled = members.map { key, value in
      let hexadecimal = key.utf8.first.map { String($0, radix: 16) } ?? ""
      let escape = #"\u"# + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
      return "\"\(escape)\(key.dropFirst())\":\(value.text())"
    }
    return Array("{\(spelled.joined(separator: ","))}".utf8)
  }
}
