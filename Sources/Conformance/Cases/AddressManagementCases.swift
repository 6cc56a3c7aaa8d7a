import CNI
import JSON

extension Catalogue {
  /// IPAM plugins, called as a main plugin calls them.
  static let addressManagementCases: [ConformanceCase] = [
    ConformanceCase(
      "IPM-01", .must, [.ipam], in: .from0_3, each: true, [.delegatedResult],
      stimulus: "ADD in a version that the plugin lists",
      expectation: "a result of that version with neither interfaces nor indexes of them"
    ) { lab in
      let result = try lab.container().add()
      try ResultShape(version: lab.version).expectLabel(in: result)
      let text = JSONValue.object(result).text()
      try expect(result["interfaces"] == nil, "there are interfaces in \(text)")
      try expect(
        result["ips"]?.array?.allSatisfy { $0["interface"] == nil } != false, "there is an index in \(text)")
    },
    ConformanceCase(
      "IPM-02", .must, [.ipam], [.delegatedProtocol],
      stimulus: "ADD for 20 containers",
      expectation: "20 different addresses, none of them a network's, a broadcast address or the gateway"
    ) { lab in
      let container = try lab.container()
      let results = try (1...20).map { try container.lease("container-\($0)") }
      try expectDistinct(results.flatMap(\.resultAddresses))
      for result in results { try result.expectUsableAddresses() }
    },
    ConformanceCase(
      "IPM-03", .should, [.ipam], [.error],
      stimulus: "ADD for two containers, with a second range that has an address for one",
      expectation: "error 11 or a code from 100 on for the second, and nothing of the first range kept for it"
    ) { lab in
      guard let patch = lab.manifest.scarceAddresses else {
        throw Inapplicable("the manifest has no configuration with too few addresses")
      }
      let node = try lab.node()
      let first = try node.container(), second = try node.container()
      try first.add(configuration: patch).expectUsableAddresses()
      let baseline = try node.state()
      let reply = try node.run(second.call(.ADD, configuration: patch))
      let code = try reply.cleanError().code
      try expect(code == 11 || code >= 100, reply.description)
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "IPM-04", .convention, [.ipam], [.conventions],
      stimulus: "ADD with a wish for an address in CNI_ARGS, in args, in runtimeConfig, then a different one in each",
      expectation: "that address or a clean error; of the different ones not the one in CNI_ARGS"
    ) { lab in
      let container = try lab.container()
      let wishes = try container.freeAddresses(count: 6)
      for (wish, form) in zip(wishes, AddressWish.allCases) {
        let reply = try container.node.run(container.leaseCall(form.rawValue, wishes: [form: wish]))
        guard try reply.succeedOrFailCleanly() else { continue }
        let addresses = try reply.result().resultAddresses
        try expect(addresses.contains(wish), "\(wish) by \(form.rawValue) gave \(addresses.joined(separator: ", "))")
      }
      let different = Dictionary(uniqueKeysWithValues: zip(AddressWish.allCases, wishes.suffix(3)))
      let reply = try container.node.run(container.leaseCall("all", wishes: different))
      guard try reply.succeedOrFailCleanly() else { return }
      let addresses = try reply.result().resultAddresses
      try expect(
        different.contains { $0.key != .variable && addresses.contains($0.value) },
        "wishes for \(wishes.suffix(3).joined(separator: ", ")) gave \(addresses.joined(separator: ", "))")
    },
    ConformanceCase(
      "IPM-05", .must, [.ipam], [.version0_4],
      stimulus: "ADD for one container on two networks, then DEL on the second",
      expectation: "the lease on the first network stays"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let result = try container.add()
      let baseline = try node.state()
      let second: JSONObject = ["name": "second"]
      try container.delete(result: container.add(configuration: second), configuration: second)
      try node.expectNoTrace(since: baseline)
      if lab.version >= .v0_4_0 { try container.check(result: result) }
      try expectDistinct(result.resultAddresses + node.container().add().resultAddresses)
    },
    ConformanceCase(
      "IPM-06", .should, [.ipam], [.delegatedProtocol],
      stimulus: "ADD for 200 containers, DEL for each fifth of them, ADD for ten others",
      expectation: "addresses that nobody has, and nobody had just before"
    ) { lab in
      let container = try lab.container()
      var leases = try (0..<200).map { try container.lease("container-\($0)") }
      for index in stride(from: 0, to: leases.count, by: 5) {
        var call = try container.call(.DEL, result: leases[index])
        call.environment["CNI_CONTAINERID"] = "container-\(index)"
        try container.node.run(call).succeed()
      }
      leases += try (0..<10).map { try container.lease("late-\($0)") }
      try expectDistinct(leases.flatMap(\.resultAddresses))
    },
    ConformanceCase(
      "IPM-07", .should, [.ipam], [.delete],
      stimulus: "DEL when the plugin's files have become read-only",
      expectation: "a clean error; or success, and the lease is gone"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let baseline = try node.state()
      let result = try container.add()
      guard try !node.makeStateReadOnly(since: baseline).isEmpty else {
        throw Inapplicable("the plugin keeps no files")
      }
      if try node.run(container.call(.DEL, result: result)).succeedOrFailCleanly() {
        try node.expectNoTrace(since: baseline)
      }
    },
  ]
}

/// Where a wish for an address can be written.
private enum AddressWish: String, CaseIterable {
  case variable
  case argument
  case runtime
}

extension Container {
  /// ADD for a container that exists by its id only: an IPAM plugin needs no more.
  fileprivate func leaseCall(_ id: String, wishes: [AddressWish: String] = [:]) throws -> Call {
    var call = try call(.ADD)
    call.environment["CNI_CONTAINERID"] = id
    for (form, address) in wishes {
      let list: JSONValue = [.string(address)]
      switch form {
      case .variable:
        call.environment["CNI_ARGS"] = "IgnoreUnknown=1;IP=\(address.prefix { $0 != "/" })"
      case .argument:
        call.configuration = call.configuration.patched(with: ["args": ["cni": ["ips": list]]])
      case .runtime:
        call.configuration = call.configuration.patched(
          with: ["capabilities": ["ips": true], "runtimeConfig": ["ips": list]])
      }
    }
    return call
  }

  fileprivate func lease(_ id: String) throws -> JSONObject {
    try node.run(leaseCall(id)).result()
  }

  /// IPv4 addresses with prefix lengths, some way after the one that the plugin hands out first.
  ///
  /// - Throws: `Inapplicable` if that is none of IPv4, or too near to the end of its range.
  fileprivate func freeAddresses(count: Int) throws -> [String] {
    let prefix = try lease("first").resultAddresses.compactMap(NetworkPrefix.init).first { !$0.isIPv6 }
    guard let prefix else { throw Inapplicable("the plugin hands out no IPv4 address") }
    let distance = 40
    guard prefix.length <= 24, Int(prefix.address[3]) + distance + count < 255 else {
      throw Inapplicable("the plugin's range is too small to wish for an address")
    }
    let network = prefix.address[..<3].map { "\($0)" }.joined(separator: ".")
    return (0..<count).map { "\(network).\(Int(prefix.address[3]) + distance + $0)/\(prefix.length)" }
  }
}

extension JSONObject {
  /// Checks that each address is one for a container.
  fileprivate func expectUsableAddresses() throws {
    let gateways = resultGateways.compactMap(NetworkPrefix.bytes(of:))
    for text in resultAddresses {
      guard let prefix = NetworkPrefix(text) else { throw Discrepancy("\(text) is no address with a prefix length") }
      try expect(!gateways.contains(prefix.address), "\(text) is the gateway")
      // Networks of two addresses or one have no others.
      guard prefix.length < prefix.address.count * 8 - 1 else { continue }
      try expect(prefix.address != prefix.first, "\(text) is the address of its network")
      try expect(prefix.isIPv6 || prefix.address != prefix.last, "\(text) is the broadcast address of its network")
    }
  }
}
