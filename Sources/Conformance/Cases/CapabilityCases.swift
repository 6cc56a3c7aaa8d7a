import CNI
import JSON
import System

extension Catalogue {
  /// What a runtime passes beside the configuration: `runtimeConfig`, `args`, `CNI_ARGS`.
  static let capabilityCases: [ConformanceCase] = [
    ConformanceCase(
      "CAP-01", .convention, .mainAndChained, [.runtimeConfiguration, .conventions],
      stimulus: "ADD with a pod's annotations, dns, cgroupPath and an unknown key in runtimeConfig beside its own keys",
      expectation: "they change nothing about the result"
    ) { lab in
      let strange: JSONObject = [
        "io.kubernetes.cri.pod-annotations": ["conformance.test/note": "kept", "conformance.test/empty": ""],
        "dns": ["servers": ["192.0.2.54"], "searches": ["other.test"], "options": ["ndots:2"]],
        "cgroupPath": "/kubepods.slice/conformance", "example.test/new": [1, ["deep": true]],
      ]
      try expectNoEffect(of: ["runtimeConfig": .object(strange)], in: lab)
    },
    ConformanceCase(
      "CAP-02", .should, [.chained], [.conventions, .error],
      stimulus: "ADD with a port that is -1, 70000 or a string, a protocol that is unknown or empty, or a bad hostIP",
      expectation: "each time a clean error, and no trace", judge: judgeBadPortMappings
    ),
    ConformanceCase(
      "CAP-03", .convention, [.chained], [.conventions],
      stimulus: "ADD with different hardware addresses in configuration, runtimeConfig, args and CNI_ARGS",
      expectation:
        "one of them is taken, and not that of CNI_ARGS where args are understood, or there is a clean error",
      judge: judgePrecedence
    ),
    ConformanceCase(
      "CAP-04", .convention, [.main], [.conventions],
      stimulus: "ADD with different hardware addresses in configuration, runtimeConfig, args and CNI_ARGS",
      expectation:
        "one of them is taken, and not that of CNI_ARGS where args are understood, or there is a clean error",
      judge: judgePrecedence
    ),
    ConformanceCase(
      "CAP-05", .convention, [.chained], [.runtimeConfiguration],
      stimulus: "ADD, CHECK and DEL without runtimeConfig",
      expectation: "all succeed, and the result means the same as prevResult"
    ) { lab in
      let container = try lab.container()
      let nothing: JSONObject = ["runtimeConfig": .null]
      let result = try container.add(configuration: nothing)
      try expectEquivalent(result, to: previousResult(of: container))
      if lab.version >= .v0_4_0 { try container.check(result: result, configuration: nothing) }
      try container.delete(result: result, configuration: nothing)
    },
    ConformanceCase(
      "CAP-06", .convention, [.chained], [.conventions],
      stimulus: "ADD with a bandwidth in runtimeConfig whose bursts are 4294967295, as containerd sends it, and 0",
      expectation: "each time success, or a clean error and no trace"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      for burst in [4_294_967_295, 0] {
        let container = try node.container()
        let baseline = try node.state()
        let bandwidth: JSONObject = [
          "ingressRate": 1_000_000, "ingressBurst": .number(JSONNumber(burst)),
          "egressRate": 1_000_000, "egressBurst": .number(JSONNumber(burst)),
        ]
        let reply = try node.run(
          container.call(.ADD, configuration: ["runtimeConfig": ["bandwidth": .object(bandwidth)]]))
        try attempt("a burst of \(burst)") {
          if try reply.succeedOrFailCleanly() {
            _ = try reply.result()
          } else {
            try node.expectNoTrace(since: baseline)
          }
        }
      }
    },
    ConformanceCase(
      "CAP-07", .convention, [.chained], [.delete],
      stimulus: "ADD with port mappings, and DEL with others",
      expectation: "exit status 0, and no trace"
    ) { lab in
      _ = try portMapping(of: lab)
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let baseline = try node.state()
      let result = try container.add()
      let others: JSONValue = [["hostPort": 8099, "containerPort": 99, "protocol": "udp"]]
      try container.delete(result: result, configuration: ["runtimeConfig": ["portMappings": others]])
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "CAP-08", .convention, .mainAndChained, [.runtimeConfiguration],
      stimulus: "ADD with 256 KiB of a pod's annotations in runtimeConfig, as many as Kubernetes allows",
      expectation: "success, and they change nothing about the result"
    ) { lab in
      let text = JSONValue.string(String(repeating: "Ünïcode \"quoted\" ", count: 400))
      let annotations = JSONObject((0..<35).map { ("conformance.test/annotation-\($0)", text) })
      try expectNoEffect(
        of: ["runtimeConfig": ["io.kubernetes.cri.pod-annotations": .object(annotations)]], in: lab)
    },
  ]
}

/// Checks that ADD with this change of the configuration returns prevResult, or for a main plugin what it returns
/// without the change but for names and addresses.
private func expectNoEffect(of change: JSONObject, in lab: Lab) throws {
  let node = try lab.node()
  let container = try node.container()
  let result = try container.add(configuration: change)
  guard !lab.subject.isChained else { return try expectEquivalent(result, to: previousResult(of: container)) }
  let other = try node.container().add()
  for key in ["ips", "interfaces", "routes"] {
    try expect(
      result.objects(key).count == other.objects(key).count,
      "with it there are \(result.objects(key).count) \(key), without it \(other.objects(key).count)")
  }
  try expectEquivalent(["dns": result["dns"] ?? [:]], to: ["dns": other["dns"] ?? [:]])
}

/// A port mapping that the plugin takes.
private func portMapping(of lab: Lab) throws -> JSONObject {
  guard let mapping = lab.manifest.runtimeConfiguration?.objects("portMappings").first else {
    throw Inapplicable("the plugin takes no port mappings")
  }
  return mapping
}

private func judgeBadPortMappings(_ lab: Lab) throws {
  let good = try portMapping(of: lab)
  let node = try lab.node()
  try node.warmUp()
  let container = try node.container()
  let baseline = try node.state()
  let bad: [(key: String, value: JSONValue)] = [
    ("hostPort", -1), ("hostPort", 70_000), ("hostPort", "8080"),
    ("containerPort", -1), ("containerPort", 70_000), ("containerPort", "80"),
    ("protocol", "xyz"), ("protocol", ""), ("hostIP", "300.1.2.3"),
  ]
  for (key, value) in bad {
    let mappings: JSONValue = [.object(good), .object(good.patched(with: [key: value]))]
    let reply = try node.run(
      container.call(.ADD, configuration: ["runtimeConfig": ["portMappings": mappings]]))
    try attempt("\(key) \(value.text())") { try reply.cleanError() }
  }
  try node.expectNoTrace(since: baseline)
}

/// The ways to ask for a hardware address, and the address that is asked for.
private enum HardwareAddressRequest: String, CaseIterable {
  case configuration = "02:00:5e:00:54:01"
  case runtimeConfiguration = "02:00:5e:00:54:02"
  case arguments = "02:00:5e:00:54:03"
  case environment = "02:00:5e:00:54:04"

  func put(into call: inout Call) {
    let address = JSONValue.string(rawValue)
    switch self {
    case .configuration: call.configuration["mac"] = address
    case .runtimeConfiguration:
      call.configuration = call.configuration.patched(with: ["runtimeConfig": ["mac": address]])
    case .arguments: call.configuration = call.configuration.patched(with: ["args": ["cni": ["mac": address]]])
    case .environment: call.environment["CNI_ARGS", default: "IgnoreUnknown=1"] += ";MAC=\(rawValue)"
    }
  }
}

private func judgePrecedence(_ lab: Lab) throws {
  let node = try lab.node()
  var understood: Set<HardwareAddressRequest> = []
  for request in HardwareAddressRequest.allCases {
    if try hardwareAddress(asking: [request], on: node) == request.rawValue { understood.insert(request) }
  }
  guard !understood.isEmpty else { throw Inapplicable("the plugin takes no hardware address") }
  let pair: [HardwareAddressRequest] = [.arguments, .environment]
  for requests in [HardwareAddressRequest.allCases, pair] where !understood.isDisjoint(with: requests) {
    guard let address = try hardwareAddress(asking: requests, on: node) else { continue }
    let taken = requests.first { $0.rawValue == address }
    try expect(
      taken.map(understood.contains) == true, "asked by \(names(requests)): the hardware address is \(address)")
    try expect(
      taken != .environment || !understood.contains(.arguments), "asked by \(names(requests)): CNI_ARGS is preferred")
  }
}

private func names(_ requests: [HardwareAddressRequest]) -> String {
  requests.map { "\($0)" }.joined(separator: ", ")
}

/// What ADD gives to the interface of a new container; nil if it fails cleanly.
private func hardwareAddress(asking requests: [HardwareAddressRequest], on node: LabNode) throws -> String? {
  let container = try node.container()
  var call = try container.call(.ADD)
  for request in requests { request.put(into: &call) }
  let reply = try node.run(call)
  return try attempt("asked by \(names(requests))") {
    guard try reply.succeedOrFailCleanly() else { return nil }
    return try container.link(node.lab.manifest.interface).mac
  }
}
