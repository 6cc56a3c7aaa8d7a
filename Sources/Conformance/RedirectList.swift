import CNI
import Harness
import JSON
import System

/// A network configuration list with a redirect in it, behind `bridge` and beside other reference plugins.
struct RedirectList: Sendable {
  let name: String
  /// The plugins before and behind the redirect.
  private let before: [ListEntry]
  private let behind: [ListEntry]

  private static let hostPort: UInt16 = 8080

  /// - Throws: `Inapplicable` if a reference plugin is not installed.
  static func all(in lab: Lab) throws -> [RedirectList] {
    let bridge = try lab.installed([
      "type": "bridge", "bridge": "cni0", "isGateway": true,
      "ipam": [
        "type": "host-local", "dataDir": "/run/cni/networks",
        "ranges": [[["subnet": "10.88.0.0/16"]], [["subnet": "fd00:88::/64"]]],
        "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0"]],
      ],
    ])
    let tuning = try lab.installed([
      "type": "tuning", "sysctl": ["net.ipv4.conf.all.log_martians": "1"], "dataDir": "/run/cni/tuning",
    ])
    let mapping: JSONValue = ["hostPort": .number(JSONNumber(Int(hostPort))), "containerPort": 80, "protocol": "tcp"]
    let portmap = try lab.installed(
      ["type": "portmap", "snat": true], runtimeConfiguration: ["portMappings": [mapping]])
    let firewall = try lab.installed(["type": "firewall", "backend": "iptables"])
    let bandwidth = try lab.installed([
      "type": "bandwidth", "ingressRate": 1_000_000_000, "ingressBurst": 1_000_000_000,
    ])
    return [
      RedirectList(name: "bridge, redirect", before: [bridge], behind: []),
      RedirectList(name: "bridge, tuning, redirect", before: [bridge, tuning], behind: []),
      RedirectList(name: "bridge, redirect, portmap", before: [bridge], behind: [portmap]),
      RedirectList(name: "bridge, redirect, firewall", before: [bridge], behind: [firewall]),
      RedirectList(name: "bridge, redirect, bandwidth", before: [bridge], behind: [bandwidth]),
    ]
  }

  /// Runs the list, with a connection through the node's port if the list maps one.
  ///
  /// - Returns: The final result without what differs from run to run; nil if a plugin of the list fails without the
  ///   redirect, too.
  func judge(in lab: Lab) throws -> String? {
    // CHECK of portmap finds fault with itself up to 1.1.1 at least.
    let control: Outcome
    do { control = try run(before + behind, in: lab) } catch is Discrepancy { return nil }
    return try attempt(name) {
      let outcome = try run(before + [lab.subjectEntry] + behind, in: lab)
      for (plugin, discrepancy) in outcome.failedChecks where control.failedChecks[plugin] == nil { throw discrepancy }
      return outcome.result
    }
  }

  private struct Outcome {
    let result: String
    /// By the plugin's type.
    let failedChecks: [String: Discrepancy]
  }

  /// ADD, CHECK of each, and DEL. With the redirect in it there is traffic, and the redirect changes no result.
  private func run(_ entries: [ListEntry], in lab: Lab) throws -> Outcome {
    let container = try lab.node().bareContainer()
    let list = try ListDriver(entries, for: container)
    let results = try list.add()
    let final = results.last ?? [:]
    var failedChecks: [String: Discrepancy] = [:]
    for entry in entries {
      do {
        try list.check(entry, result: final)
      } catch let failure as Discrepancy {
        failedChecks[entry.name] = failure
      }
    }
    if let place = entries.firstIndex(where: \.isSubject) {
      try expectEquivalent(results[place], to: results[place - 1])
      try expectTraffic(to: container, final)
    }
    try list.delete(result: final)
    return Outcome(result: Self.lasting(final), failedChecks: failedChecks)
  }

  /// Connects from outside of the node to the container, by the node's port if the list maps one.
  private func expectTraffic(to container: Container, _ result: JSONObject) throws {
    let node = container.node
    let network = try container.network()
    let facts = try node.lab.redirectFacts()
    let world = try NetworkNamespace.createForTraffic()
    try node.node.network.join(
      WireEnd(interface: "world0", addresses: ["203.0.113.1"]), to: world,
      WireEnd(interface: "eth0", addresses: ["203.0.113.2"]))
    try world.addDefaultRoutes(["203.0.113.1"])
    let application = try PodService("application", ports: [80], owner: .application, in: network)
    let proxy = try PodService("proxy", ports: [facts.inboundPort], owner: RedirectScene.proxy(facts), in: network)
    defer {
      application.close()
      proxy.close()
    }
    guard let prefix = result.resultAddresses.first(where: { !$0.contains(":") }),
      let own = prefix.split(separator: "/").first.map({ String($0) })
    else { throw Discrepancy("the final result has no IPv4 address") }
    let isMapped = behind.contains { $0.name == "portmap" }
    let destination = isMapped ? Endpoint("203.0.113.1", Self.hostPort) : Endpoint(own, 80)
    let outcome = Probe(to: destination, as: .root).fire(in: world)
    guard case .answered(let answer) = outcome, answer.service == proxy.name, answer.original == Endpoint(own, 80)
    else { throw Discrepancy("a connection from outside to \(destination) ended otherwise: \(outcome)") }
  }

  /// Names and hardware addresses that are made up are left out.
  private static func lasting(_ result: JSONObject) -> String {
    Equivalence.canonical(.object(result)).text()
      .replacing(#/veth[0-9a-f]{8}/#, with: "veth").replacing(#/([0-9a-f]{2}:){5}[0-9a-f]{2}/#, with: "mac")
  }
}
