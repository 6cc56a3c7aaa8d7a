import CNI
import Harness
import JSON

extension Catalogue {
  static let checkCases: [ConformanceCase] = (soundnessCases + damageCases).sorted { $0.id < $1.id }

  /// CHECK of an attachment that is as it should be.
  private static let soundnessCases: [ConformanceCase] = [
    ConformanceCase(
      "CHK-01", .must, .all, in: .from0_4, [.check],
      stimulus: "ADD, then CHECK six times at once",
      expectation: "exit status 0 and nothing on standard output, each time"
    ) { lab in
      let container = try lab.container()
      let result = try container.add()
      for _ in 0..<6 { try container.node.run(container.call(.CHECK, result: result)).succeedSilently() }
    },
    ConformanceCase(
      "CHK-11", .must, [.main], in: .from0_4, [.check],
      stimulus:
        "ADD, then CHECK when later plugins have changed hardware address and MTU, have added an address, a route "
        + "and another interface, and have put all of it into prevResult",
      expectation: "exit status 0"
    ) { lab in
      let container = try lab.container()
      let result = try container.add()
      try container.check(result: changedByLaterPlugins(container, result))
    },
    ConformanceCase(
      "CHK-12", .should, .all, in: .from0_4, [.check],
      stimulus: "ADD, then CHECK",
      expectation: "nothing has changed, in both namespaces and on disk"
    ) { lab in
      let container = try lab.container()
      let result = try container.add()
      let before = try container.node.state()
      _ = try container.node.run(container.call(.CHECK, result: result)).succeedOrFailCleanly()
      try container.node.expectUnchanged(since: before)
    },
    ConformanceCase(
      "CHK-16", .convention, [.main], in: .only1_1, [.check],
      stimulus: "ADD with an MTU in its result, then CHECK when the interface has got another one",
      expectation: "success or a clean error"
    ) { lab in
      let container = try lab.container()
      let result = try container.add()
      guard try interface(of: container, in: result).entry["mtu"] != nil else {
        throw Inapplicable("the result tells no MTU")
      }
      try container.node.tool("ip link set '\(lab.manifest.interface)' mtu 1300", in: container)
      _ = try container.node.run(container.call(.CHECK, result: result)).succeedOrFailCleanly()
    },
    ConformanceCase(
      "CHK-17", .convention, .all, in: .from0_4, [.check],
      stimulus: "ADD, then CHECK 25 times",
      expectation: "exit status 0 each time, and nothing has changed, in both namespaces and on disk"
    ) { lab in
      let container = try lab.container()
      let result = try container.add()
      let before = try container.node.state()
      for _ in 0..<25 { try container.check(result: result) }
      try container.node.expectUnchanged(since: before)
    },
    ConformanceCase(
      "CHK-18", .should, .all, in: .from0_4, [.check],
      stimulus: "ADD, then CHECK at once where the kernel still looks for duplicates of the container's IPv6 addresses",
      expectation: "exit status 0 in a bounded time"
    ) { lab in
      let container = try lab.container()
      try detectDuplicates(in: container)
      try container.check(result: container.add())
    },
  ]

  /// The result's entry of the interface inside the container, and where it stands.
  ///
  /// - Throws: A `Discrepancy` if there is none.
  private static func interface(
    of container: Container, in result: JSONObject
  ) throws -> (index: Int, entry: JSONObject) {
    let interfaces = result["interfaces"]?.array ?? []
    let name = container.node.lab.manifest.interface
    for (index, entry) in interfaces.enumerated() {
      if let entry = entry.object, entry["name"]?.string == name, entry["sandbox"]?.string?.isEmpty == false {
        return (index, entry)
      }
    }
    throw Discrepancy("the result does not list \(name): \(JSONValue.object(result).text())")
  }

  /// Does what other plugins may do to an attachment.
  ///
  /// - Returns: The result with all of it.
  private static func changedByLaterPlugins(_ container: Container, _ result: JSONObject) throws -> JSONObject {
    let node = container.node
    let name = node.lab.manifest.interface
    var (index, entry) = try interface(of: container, in: result)
    try node.tool(
      "ip -batch -",
      in: container,
      input: """
        link set \(name) address 02:00:5e:00:53:aa
        link set \(name) mtu 1400
        address add 198.51.100.7/24 dev \(name)
        route add 203.0.113.0/24 dev \(name)
        link add foreign0 type veth peer name foreign1
        """)
    entry["mac"] = "02:00:5e:00:53:aa"
    if entry["mtu"] != nil { entry["mtu"] = 1400 }
    var interfaces = result["interfaces"]?.array ?? []
    interfaces[index] = .object(entry)
    interfaces.append(["name": "foreign0", "sandbox": .string(container.path)])
    var address: JSONObject = ["address": "198.51.100.7/24", "interface": .number(JSONNumber(index))]
    if node.lab.version < .v1_0_0 { address["version"] = "4" }
    var changed = result
    changed["interfaces"] = .array(interfaces)
    changed["ips"] = .array((result["ips"]?.array ?? []) + [.object(address)])
    changed["routes"] = .array((result["routes"]?.array ?? []) + [["dst": "203.0.113.0/24"]])
    return changed
  }

  /// Lets the kernel look for duplicates of IPv6 addresses in a container: of those to come, and of those which are
  /// there.
  private static func detectDuplicates(in container: Container) throws {
    let network = try container.network()
    try network.setSysctl("net/ipv6/conf/all/accept_dad", "1")
    try network.setSysctl("net/ipv6/conf/default/accept_dad", "1")
    guard container.node.lab.subject.isChained else { return }
    let name = container.node.lab.manifest.interface
    for address in try container.previousResult(in: container.node.lab.version)?.resultAddresses ?? []
    where address.contains(":") {
      try container.node.tool("ip address delete \(address) dev '\(name)'", in: container)
      try container.node.tool("ip address add \(address) dev '\(name)'", in: container)
    }
  }
}
