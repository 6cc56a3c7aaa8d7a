import CNI
import Harness
import JSON
import System

extension Catalogue {
  /// DEL: requests that are wrong, and helpers that fail.
  static let deletionFaultCases: [ConformanceCase] = [
    ConformanceCase(
      "DEL-13", .convention, .all, [.delete, .error],
      stimulus: "ADD, then DEL with an unknown version and with broken JSON",
      expectation: "success or a clean error, 1 for the version and 6 for the JSON; a proper DEL then succeeds"
    ) { lab in
      let container = try lab.container()
      let result = try container.add()
      var call = try container.call(.DEL, result: result)
      call.configuration["cniVersion"] = "9.9.9"
      try attempt("version 9.9.9") { _ = try container.node.run(call).succeedOrFailCleanly([1]) }
      call.input = Array(#"{"cniVersion": "#.utf8)
      try attempt("broken JSON") { _ = try container.node.run(call).succeedOrFailCleanly([6]) }
      try container.delete(result: result)
    },
    ConformanceCase(
      "DEL-15", .convention, [.main], [.delegatedExecution],
      stimulus: "ADD, then DEL when the delegate's binary is gone",
      expectation: "a clean error, and the plugin's own interface is gone"
    ) { lab in
      let scene = try DelegationScene(in: lab)
      let result = try scene.run(.ADD).result()
      try scene.node.remove(["\(scene.stub.folder)/\(scene.stub.type)"])
      try scene.run(.DEL, result: result).cleanError()
      let name = lab.manifest.interface
      try expect(try !scene.container.hasLink(name), "\(name) is still there")
    },
    ConformanceCase(
      "DEL-16", .must, [.main], [.delegatedExecution, .delete],
      stimulus: "ADD, then DEL when the delegate's DEL fails with code 111",
      expectation: "a clean error with code 111, and no trace but of the delegate"
    ) { lab in
      let scene = try DelegationScene(in: lab)
      let result = try scene.run(.ADD).result()
      try scene.stub.fail(.DEL, code: 111)
      try scene.run(.DEL, result: result).cleanError([111])
      try scene.expectNoTrace()
    },
    ConformanceCase(
      "DEL-17", .convention, .mainAndChained, [.library],
      stimulus: "DEL with the node's own namespace as CNI_NETNS, where an interface of that name is",
      expectation: "success or a clean error, and nothing has changed"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let name = lab.manifest.interface
      if lab.manifest.role != .main || lab.manifest.createsInterface {
        try node.tool("ip link add '\(name)' up type veth peer name foreign0")
        try node.tool("ip link set foreign0 up")
        try node.tool("ip address add 192.0.2.1/24 dev '\(name)'")
        // Asked for a link, the kernel looks at its carrier at once.
        for link in [name, "foreign0"] { try node.tool("ip link show dev '\(link)'") }
      }
      try node.tool("sh -c 'touch /run/netns/node; mount --bind /proc/self/ns/net /run/netns/node'")
      let baseline = try node.state()
      var call = try container.call(.DEL, result: container.previousResult(in: lab.version))
      call.environment["CNI_NETNS"] = "/run/netns/node"
      _ = try node.run(call).succeedOrFailCleanly()
      try node.expectUnchanged(since: baseline)
    },
    ConformanceCase(
      "DEL-21", .should, .all, [.delete],
      stimulus: "ADD, then DEL when packets to the API server get lost",
      expectation: "success or a clean error within 30 seconds, and no trace on the node and on disk"
    ) { lab in
      guard lab.manifest.kubernetes != nil else {
        throw Inapplicable("the manifest names nothing outside of the node that the plugin asks")
      }
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let baseline = try node.state()
      let result = try container.add()
      let table = "inet unreachable"
      try node.tool(
        "nft -f -",
        input: """
          table \(table) {
            chain out {
              type filter hook output priority -500
              ip daddr \(Cluster.address.address) drop
            }
          }
          """)
      var call = try container.call(.DEL, result: result)
      call.timeLimit = .seconds(30)
      _ = try node.run(call).succeedOrFailCleanly()
      try node.tool("nft delete table \(table)")
      try node.expectNoTrace(since: baseline, ignoring: ["^. container [0-9]+: "])
    },
  ]
}
