import CNI
import Harness
import JSON
import System

extension Catalogue {
  /// DEL: what belongs to other attachments stays.
  static let neighbourCases: [ConformanceCase] = [
    ConformanceCase(
      "DEL-10", .must, .mainAndIPAM, [.delete],
      stimulus: "ADD of the containers abc and abc1, then DEL of abc",
      expectation: "all that belongs to abc1 is there, and its CHECK succeeds"
    ) { lab in
      let node = try lab.node()
      let other = try node.container("abc1")
      let container = try node.container("abc")
      let otherResult = try other.add()
      let before = try node.state()
      try container.delete(result: container.add())
      try node.expectIntact(since: before)
      if lab.version >= .v0_4_0 { try other.check(result: otherResult) }
    },
    ConformanceCase(
      "DEL-11", .must, .mainAndIPAM, [.delete, .lifecycle],
      stimulus: "ADD of eth0 and eth1 of a container to one network, then DEL of eth0",
      expectation: "exit status 0, and all that belongs to eth1 is there"
    ) { lab in try deleteOneOfTwo(in: lab, configuration: lab.manifest.masquerading ?? [:]) },
    ConformanceCase(
      "DEL-12", .must, [.chained], [.delete, .lifecycle],
      stimulus: "ADD of eth0 and eth1 of a container to one network, then DEL of eth0",
      expectation: "exit status 0, and all that belongs to eth1 is there"
    ) { lab in try deleteOneOfTwo(in: lab) },
    ConformanceCase(
      "DEL-19", .must, [.main], [.lifecycle],
      stimulus: "ADD of two containers with rules of their own, then DEL of one",
      expectation: "all that belongs to the other is there, its CHECK succeeds, and it reaches its gateways"
    ) { lab in
      let node = try lab.node()
      let configuration = lab.manifest.masquerading ?? [:]
      let other = try node.container()
      let container = try node.container()
      let otherResult = try other.add(configuration: configuration)
      let before = try node.state()
      let result = try container.add(configuration: configuration)
      let gateways = try otherResult.resultGateways.filter { try reaches($0, from: other) }
      try container.delete(result: result, configuration: configuration)
      try node.expectIntact(since: before)
      for gateway in gateways {
        try expect(try reaches(gateway, from: other), "the other container no longer reaches \(gateway)")
      }
      if lab.version >= .v0_4_0 { try other.check(result: otherResult, configuration: configuration) }
    },
    ConformanceCase(
      "DEL-22", .must, .all, [.delete, .version0_4],
      stimulus: "ADD of a container to two networks of the same plugin, then DEL from one of them",
      expectation: "exit status 0, and all that belongs to the attachment to the other network is there"
    ) { lab in
      // Attachments of a container to different networks may have one name where there is no interface to bear it.
      let interface = lab.manifest.role == .ipam ? "eth0" : "eth1"
      try deleteOneOfTwo(
        in: lab, other: interface,
        otherConfiguration: (lab.manifest.otherNetwork ?? [:]).patched(with: ["name": "conformance-other"]))
    },
  ]

  /// Adds one attachment after another to a container, and deletes the later one.
  private static func deleteOneOfTwo(
    in lab: Lab, configuration: JSONObject = [:], other: String = "eth1", otherConfiguration: JSONObject? = nil
  ) throws {
    try lab.requireOwnInterface()
    let node = try lab.node()
    let container = try node.container()
    _ = try container.addSecond(other, configuration: otherConfiguration ?? configuration)
    let before = try node.state()
    let reply = try node.run(container.call(.ADD, configuration: configuration))
    if reply.status != .exited(0), reply.errorObject != nil {
      throw Inapplicable("the plugin takes a container once only, see ADD-07: \(reply.description)")
    }
    try container.delete(result: reply.result(), configuration: configuration)
    try node.expectIntact(since: before)
  }

  /// Whether a gateway answers, if only to say that nobody listens there.
  private static func reaches(_ gateway: String, from container: Container) throws -> Bool {
    switch Probe(to: Endpoint(gateway, 9), as: .root).fire(in: try container.network()) {
    case .answered, .refused: true
    case .timedOut, .failed: false
    }
  }
}
