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
    RedirectList(name: "bridge, redirect", before: [], behind: []),
    RedirectList(name: "bridge, tuning, redirect", before: [tuning], behind: []),
    RedirectList(name: "bridge, redirect, portmap", before: [], behind: [portmap]),
    RedirectList(name: "bridge, redirect, firewall", before: [], behind: [firewall]),
    RedirectList(name: "bridge, redirect, bandwidth", before: [], behind: [bandwidth]),
  ]

  private static let bridge: JSONObject = [
    "type": "bridge", "bridge": "cni0", "isGateway": true,
    "ipam": [
      "type": "host-local", "dataDir": "/run/cni/networks",
      "ranges": [[["subnet": "10.88.0.0/16"]], [["subnet": "fd00:88::/64"]]],
      "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0"]],
    ],
  ]

  private struct Step {
    let entry: JSONObject
    let executable: String
    let isSubject: Bool

    var type: String { entry["type"]?.string ?? "" }
  }

  func isInstalled(in lab: Lab) -> Bool {
    ([Self.bridge] + before + behind).allSatisfy { entry in
      (try? pluginPath(entry["type"]?.string ?? "", in: lab.subject.pluginFolders)) != nil
    }
  }

  /// Runs the list, with a connection through the node's port if the list maps one.
  ///
  /// - Returns: The final result without what differs from run to run; nil if a plugin of the list fails without the
  ///   redirect, too.
  func judge(in lab: Lab) throws -> String? {
    // CHECK of portmap finds fault with itself up to 1.1.1 at least.
    var faulty: Set<String> = []
    do {
      _ = try run(in: lab, with: nil) { step, reply in
        if reply.status != .exited(0) { faulty.insert(step.type) }
      }
    } catch is Discrepancy {
      return nil
    }
    var entry = lab.manifest.configuration
    entry["runtimeConfig"] = lab.manifest.runtimeConfiguration.map { .object($0) }
    return try named {
      try run(in: lab, with: Step(entry: entry, executable: lab.subject.path, isSubject: true)) { step, reply in
        if step.isSubject || !faulty.contains(step.type) { try reply.succeed() }
      }
    }
  }

  private func named<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let discrepancy as Discrepancy {
      throw Discrepancy("\(name): \(discrepancy.observed)")
    }
  }

  private func run(
    in lab: Lab, with redirect: Step?, judging judge: (Step, Reply) throws -> Void
  ) throws -> String {
    let reference = { (entry: JSONObject) throws -> Step in
      let path = try pluginPath(entry["type"]?.string ?? "", in: lab.subject.pluginFolders)
      return Step(entry: entry, executable: path, isSubject: false)
    }
    let steps =
      try ([Self.bridge] + before).map(reference) + [redirect].compactMap { $0 } + behind.map(reference)
    // The newest that reference plugins of all ages have.
    let version = min(lab.version, .v1_0_0)
    let node = try lab.node()
    let container = try BareContainer(900, on: node)
    let network = try container.open()
    let run = { (verb: Command, step: Step, result: JSONObject?) throws in
      try node.run(container.call(verb, step.entry, executable: step.executable, in: version, result: result))
    }
    var result: JSONObject?
    for step in steps {
      let previous = result
      let next = try run(.ADD, step, previous).result()
      if step.isSubject { try expectEquivalent(next, to: previous ?? [:]) }
      result = next
    }
    let final = result ?? [:]
    for step in steps { try judge(step, run(.CHECK, step, final)) }
    if redirect != nil { try expectTraffic(on: node, in: network, to: final) }
    for step in steps.reversed() { try run(.DEL, step, final).succeed() }
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
