import CNI
import Harness
import JSON
import System

/// A network configuration list with a redirect in it, and how it is run: as section 3 of the specification tells
/// runtimes to.
struct RedirectList: Sendable {
  let name: String
  /// The plugins before and behind the redirect.
  private let before: [JSONObject]
  private let behind: [JSONObject]
  let isDualStack: Bool

  private static let hostPort: UInt16 = 8080
  private static let tuning: JSONObject = [
    "type": "tuning", "sysctl": ["net.ipv4.conf.all.log_martians": "1"], "dataDir": "/run/cni/tuning",
  ]
  private static let portmap: JSONObject = [
    "type": "portmap", "snat": true,
    "runtimeConfig": ["portMappings": [["hostPort": 8080, "containerPort": 80, "protocol": "tcp"]]],
  ]
  private static let firewall: JSONObject = ["type": "firewall", "backend": "iptables"]
  private static let bandwidth: JSONObject = [
    "type": "bandwidth", "ingressRate": 1_000_000_000, "ingressBurst": 1_000_000_000,
  ]

  static let all = [
    RedirectList(name: "bridge, redirect", before: [], behind: [], isDualStack: true),
    RedirectList(name: "bridge, tuning, redirect", before: [tuning], behind: [], isDualStack: true),
    RedirectList(name: "bridge, redirect, firewall", before: [], behind: [firewall], isDualStack: true),
    RedirectList(name: "bridge, redirect, bandwidth", before: [], behind: [bandwidth], isDualStack: true),
    // CHECK of portmap up to 1.1.1 compares the rules of IPv6 with those of IPv4, and fails.
    RedirectList(name: "bridge, redirect over IPv4", before: [], behind: [], isDualStack: false),
    RedirectList(name: "bridge, redirect, portmap over IPv4", before: [], behind: [portmap], isDualStack: false),
  ]

  private var bridge: JSONObject {
    let ranges: [JSONValue] = [[["subnet": "10.88.0.0/16"]]] + (isDualStack ? [[["subnet": "fd00:88::/64"]]] : [])
    let routes: [JSONValue] = [["dst": "0.0.0.0/0"]] + (isDualStack ? [["dst": "::/0"]] : [])
    return [
      "type": "bridge", "bridge": "cni0", "isGateway": true,
      "ipam": [
        "type": "host-local", "dataDir": "/run/cni/networks", "ranges": .array(ranges), "routes": .array(routes),
      ],
    ]
  }

  private struct Step {
    let entry: JSONObject
    let executable: String
    let isSubject: Bool
  }

  func isInstalled(in lab: Lab) -> Bool {
    ([bridge] + before + behind).allSatisfy { entry in
      (try? pluginPath(entry["type"]?.string ?? "", in: lab.subject.pluginFolders)) != nil
    }
  }

  /// Runs the list once, with a connection through the node's port if the list maps one.
  ///
  /// - Returns: The final result without what differs from run to run; nil if a plugin of the list fails without the
  ///   redirect, too.
  func judge(in lab: Lab) throws -> String? {
    do {
      return try run(in: lab, with: try redirect(lab))
    } catch let discrepancy as Discrepancy {
      do {
        _ = try run(in: lab, with: nil)
      } catch is Discrepancy {
        return nil
      }
      throw Discrepancy("\(name): \(discrepancy.observed)")
    }
  }

  private func redirect(_ lab: Lab) throws -> Step {
    var entry = lab.manifest.configuration
    entry["runtimeConfig"] = lab.manifest.runtimeConfiguration.map { .object($0) }
    return Step(entry: entry, executable: lab.subject.path, isSubject: true)
  }

  private func run(in lab: Lab, with redirect: Step?) throws -> String {
    let reference = { (entry: JSONObject) throws -> Step in
      let path = try pluginPath(entry["type"]?.string ?? "", in: lab.subject.pluginFolders)
      return Step(entry: entry, executable: path, isSubject: false)
    }
    let steps = try ([bridge] + before).map(reference) + [redirect].compactMap { $0 } + behind.map(reference)
    // The newest that reference plugins of all ages have.
    let version = min(lab.version, .v1_0_0)
    let node = try lab.node()
    let container = try BareContainer(900, on: node)
    let network = try container.open()
    var result: JSONObject?
    for step in steps {
      let previous = result
      result = try node.run(
        container.call(.ADD, step.entry, executable: step.executable, in: version, result: previous)
      ).result()
      if step.isSubject, let result { try expectEquivalent(result, to: previous ?? [:]) }
    }
    let final = result ?? [:]
    for step in steps {
      try node.run(container.call(.CHECK, step.entry, executable: step.executable, in: version, result: final))
        .succeed()
    }
    if let redirect, redirect.isSubject { try expectTraffic(on: node, in: network, to: final) }
    for step in steps.reversed() {
      try node.run(container.call(.DEL, step.entry, executable: step.executable, in: version, result: final)).succeed()
    }
    return Self.lasting(final)
  }

  /// Connects from outside of the node to the container, by the node's port if the list maps one.
  private func expectTraffic(
    on node: LabNode, in network: borrowing NetworkNamespace, to result: JSONObject
  ) throws {
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
    let addresses = (result["ips"]?.array ?? []).compactMap { $0["address"]?.string?.split(separator: "/").first }
    guard let own = addresses.map({ String($0) }).first(where: { !$0.contains(":") }) else {
      throw Discrepancy("the final result has no IPv4 address")
    }
    let isMapped = behind.contains { $0["type"] == "portmap" }
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
