import CNI
import JSON
import System

extension Catalogue {
  /// Chained plugins, and the result that they get and pass on.
  static let chainCases = passingOnCases + chainOrderCases

  private static let passingOnCases: [ConformanceCase] = [
    ConformanceCase(
      "CHN-01", .must, [.chained], each: true, [.add, .addSuccess],
      stimulus: "ADD with the result of plugins before, and a configuration whose effect no result can tell",
      expectation: "the result means the same as prevResult; below 0.3.0 error 1 will do"
    ) { lab in
      let container = try lab.container()
      let previous = try previousResult(of: container)
      let reply = try container.node.run(container.call(.ADD))
      guard try lab.version >= .v0_3_0 || reply.succeedOrFailCleanly([1]) else { return }
      try expectEquivalent(reply.result(), to: previous)
    },
    ConformanceCase(
      "CHN-02", .convention, [.chained], in: .from0_3, [.addSuccess, .versionConsiderations],
      stimulus: "ADD with a prevResult that has unknown keys at its top, in an interface, an address, a route and dns",
      expectation: "all of them are in the result"
    ) { lab in
      try expectPassedOn(in: lab) { previous in
        let extra: JSONValue = ["note": "kept", "list": [1, ["deep": true]]]
        previous["example.test/vendor"] = extra
        for key in ["interfaces", "ips", "routes"] {
          previous.change(key, at: 1) { $0["example.test/vendor"] = extra }
        }
        previous["dns"] = .object((previous["dns"]?.object ?? [:]).patched(with: ["example.test/vendor": extra]))
      }
    },
    ConformanceCase(
      "CHN-03", .must, [.chained], in: .only1_1, [.addSuccess],
      stimulus: "ADD with all fields in prevResult that 1.1.0 added to interfaces and routes",
      expectation: "all of them are in the result"
    ) { lab in
      try expectPassedOn(in: lab) { previous in
        previous.change("interfaces", at: 0) { $0["mtu"] = 9000 }
        previous.change("interfaces", at: 1) { interface in
          interface["mtu"] = 1450
          interface["socketPath"] = "/run/vhost/user.sock"
          interface["pciID"] = "0000:3b:02.1"
        }
        previous.change("routes", at: 0) { route in
          for (key, value) in [("mtu", 1400), ("advmss", 1360), ("priority", 100), ("table", 254), ("scope", 253)] {
            route[key] = .number(JSONNumber(value))
          }
        }
      }
    },
    ConformanceCase(
      "CHN-04", .must, [.chained], in: .only1_1, [.addSuccess],
      stimulus: "ADD with a route in prevResult whose table and scope are 0",
      expectation: "both are in the result as 0, for 0 differs from absent"
    ) { lab in
      try expectPassedOn(in: lab) { previous in
        previous.change("routes", at: 0) { route in
          route["table"] = 0
          route["scope"] = 0
        }
      }
    },
    ConformanceCase(
      "CHN-05", .must, [.chained], in: .from0_3, [.addSuccess],
      stimulus: "ADD with 62 interfaces, 61 addresses in no order, one of them without an index, and 60 routes",
      expectation: "as many of each in the result, in the same order, with the same indexes and none more"
    ) { lab in
      let container = try lab.container()
      let crowd = try crowd(in: container)
      try expectPassedOn(
        try AttachmentResult(previous: crowd, version: .newest).rendered(as: lab.version), by: container)
    },
    ConformanceCase(
      "CHN-06", .convention, [.chained], in: .from0_3, [.addSuccess, .error],
      stimulus: "ADD with addresses of index -1, 99 and none, and with a null among interfaces, addresses and routes",
      expectation: "each time the result means the same as prevResult, or there is a clean error; no crash",
      judge: judgeOddEntries
    ),
    ConformanceCase(
      "CHN-07", .must, [.chained], in: .from0_3, [.addSuccess],
      stimulus: "ADD with empty lists in prevResult, with none, and with a list of addresses only",
      expectation: "each time the result means the same as prevResult"
    ) { lab in
      let node = try lab.node()
      let label = JSONValue.string(lab.version.rawValue)
      try expectPassedOn(
        ["cniVersion": label, "interfaces": [], "ips": [], "routes": [], "dns": [:]], by: node.container())
      try expectPassedOn(["cniVersion": label], by: node.container())
      let container = try node.container()
      var addressed: JSONObject = ["cniVersion": label]
      addressed["ips"] = try previousResult(of: container)["ips"]
      for index in addressed.objects("ips").indices { addressed.change("ips", at: index) { $0["interface"] = nil } }
      try expectPassedOn(addressed, by: container)
    },
    ConformanceCase(
      "CHN-08", .should, [.chained], in: .from0_3, [.addingAttachment, .requestConfiguration],
      stimulus: "ADD without prevResult, as if the plugin were the first of its list",
      expectation: "a clean error and no trace; from a redirect an empty result will do",
      judge: judgeFirstInList
    ),
    ConformanceCase(
      "CHN-09", .should, [.chained], in: .from0_3, [.error],
      stimulus: "ADD with a malformed prevResult: a string, a list, a number; an address that is none or lacks its "
        + "prefix length; interfaces that are an object; an index that is a string",
      expectation: "each time a clean error 6 or 7, or 999 or 100 of the reference library, and no trace",
      judge: judgeMalformedResults
    ),
  ]
}

/// What a chained plugin gets as prevResult, which fixture P always has.
func previousResult(of container: Container) throws -> JSONObject {
  guard let previous = try container.previousResult(in: container.node.lab.version) else {
    throw Inapplicable("the plugin is not chained")
  }
  return previous
}

/// Checks that ADD with this prevResult returns what means the same.
func expectPassedOn(_ previous: JSONObject, by container: Container) throws {
  try expectEquivalent(container.node.run(container.call(.ADD, result: previous)).result(), to: previous)
}

private func expectPassedOn(in lab: Lab, _ change: (inout JSONObject) -> Void) throws {
  let container = try lab.container()
  var previous = try previousResult(of: container)
  change(&previous)
  try expectPassedOn(previous, by: container)
}

/// A result of 62 interfaces, the container's in their midst, 61 addresses and 60 routes.
private func crowd(in container: Container) throws -> JSONObject {
  guard var result = container.previous else { throw Inapplicable("the plugin is not chained") }
  let interfaces = result["interfaces"]?.array ?? []
  let own = 31
  let others = (interfaces.count..<62).map { number -> JSONValue in
    let mac = "02:00:00:00:01:\(number < 16 ? "0" : "")\(String(number, radix: 16))"
    guard number.isMultiple(of: 2) else { return ["name": .string("other\(number)"), "mac": .string(mac)] }
    return ["name": .string("net\(number)"), "mac": .string(mac), "sandbox": .string(container.path)]
  }
  result["interfaces"] = .array(others[..<(own - 1)] + interfaces + others[(own - 1)...])
  var addresses = result.objects("ips").reversed().map { $0.patched(with: ["interface": .number(JSONNumber(own))]) }
  addresses += (addresses.count..<61).map { number in
    let address = number.isMultiple(of: 3) ? "fd00:c8::\(String(number, radix: 16))/64" : "10.200.\(number).1/24"
    return ["interface": .number(JSONNumber(61 - number)), "address": .string(address)]
  }
  addresses[60]["interface"] = nil
  result["ips"] = .array(addresses.map { .object($0) })
  let routes = result["routes"]?.array ?? []
  result["routes"] = .array(
    (routes.count..<60).map { ["dst": .string("10.\(200 - $0).0.0/16")] } + routes.reversed())
  return result
}

private func judgeOddEntries(_ lab: Lab) throws {
  let node = try lab.node()
  let changes: [(name: String, change: (inout JSONObject) -> Void)] = [
    ("index -1", { $0.change("ips", at: 0) { $0["interface"] = -1 } }),
    ("index 99", { $0.change("ips", at: 0) { $0["interface"] = 99 } }),
    ("no index", { $0.change("ips", at: 0) { $0["interface"] = nil } }),
    ("a null among interfaces", { $0.insert(.null, into: "interfaces") }),
    ("a null among addresses", { $0.insert(.null, into: "ips", at: 0) }),
    ("a null among routes", { $0.insert(.null, into: "routes", at: 0) }),
  ]
  for (name, change) in changes {
    let container = try node.container()
    var previous = try previousResult(of: container)
    change(&previous)
    let reply = try node.run(container.call(.ADD, result: previous))
    try attempt(name) {
      if try reply.succeedOrFailCleanly() { try expectEquivalent(reply.result(), to: previous) }
    }
  }
}

private func judgeFirstInList(_ lab: Lab) throws {
  let node = try lab.node()
  try node.warmUp()
  let container = try node.container()
  let baseline = try node.state()
  var call = try container.call(.ADD)
  call.configuration["prevResult"] = nil
  let reply = try node.run(call)
  if lab.subject.role == .redirect, reply.status == .exited(0) {
    return try expectEquivalent(reply.result(), to: ["cniVersion": .string(lab.version.rawValue)])
  }
  try reply.cleanError()
  try node.expectNoTrace(since: baseline)
}

private func judgeMalformedResults(_ lab: Lab) throws {
  let node = try lab.node()
  try node.warmUp()
  let container = try node.container()
  let baseline = try node.state()
  let good = try previousResult(of: container)
  let changes: [(name: String, change: (inout JSONObject) -> Void)] = [
    ("an address that is none", { $0.change("ips", at: 0) { $0["address"] = "10.9.300.2/24" } }),
    ("an address without prefix length", { $0.change("ips", at: 0) { $0["address"] = "10.9.1.2" } }),
    ("interfaces that are an object", { $0["interfaces"] = ["name": "eth0"] }),
    ("an index that is a string", { $0.change("ips", at: 0) { $0["interface"] = "1" } }),
  ]
  let values: [(name: String, value: JSONValue)] =
    [("a string", "previous"), ("a list", [.object(good)]), ("a number", 7)]
    + changes.map { name, change in
      var previous = good
      change(&previous)
      return (name, .object(previous))
    }
  for (name, value) in values {
    var call = try container.call(.ADD)
    call.configuration["prevResult"] = value
    let reply = try node.run(call)
    // The reference library has one code for all that it does not know better: 999, and 100 in its old releases.
    try attempt(name) { try reply.cleanError([6, 7, 100, 999]) }
  }
  try node.expectNoTrace(since: baseline)
}
