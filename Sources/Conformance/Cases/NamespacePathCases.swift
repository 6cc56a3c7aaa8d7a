import CNI
import Glibc
import JSON
import System

extension Catalogue {
  /// Bare and crowded environments, and what else than a bind mount a path of a namespace can be.
  static let namespacePathCases: [ConformanceCase] = [
    ConformanceCase(
      "INV-22", .convention, .all, [.parameters],
      stimulus: "ADD with more variables: CNI_FOO, CNI_VERSION=9, TRACEPARENT",
      expectation: "they change nothing"
    ) { lab in
      let node = try lab.node()
      let plain = try node.container().add()
      var call = try node.container().call(.ADD)
      call.environment["CNI_FOO"] = "bar"
      call.environment["CNI_VERSION"] = "9"
      call.environment["TRACEPARENT"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      try expectSameShape(node.run(call).result(), as: plain)
    },
    ConformanceCase(
      "INV-23", .convention, .all, [.parameters],
      stimulus: "ADD with PATH and HOME unset",
      expectation: "success, or a clean error that names a program which the plugin needs, without trace"
    ) { lab in
      let container = try lab.container()
      let node = container.node
      let baseline = try node.state()
      var call = try container.call(.ADD)
      call.environment["PATH"] = nil
      call.environment["HOME"] = nil
      let reply = try node.run(call)
      if reply.status == .exited(0) {
        _ = try reply.result()
      } else {
        let error = try reply.cleanError()
        try expect(
          lab.manifest.programs.contains { error.message.contains($0) || error.details.contains($0) },
          "none of the programs that it needs is in \(reply.description)")
        try node.expectNoTrace(since: baseline)
      }
    },
    ConformanceCase(
      "INV-24", .should, .mainAndChained, [.parameters],
      stimulus: "ADD and DEL with CNI_NETNS=/proc/PID/ns/net, and with a symbolic link to a bind mount",
      expectation: "success, and no more is left than with the bind mount",
      judge: judgeNamespacePaths),
    ConformanceCase(
      "INV-25", .should, .mainAndChained, [.add],
      stimulus: "ADD with a plain file as CNI_NETNS, for plugins that enter the namespace",
      expectation: "a clean error, and no trace"
    ) { lab in
      guard lab.manifest.entersNamespace else { throw Inapplicable("it does not enter the namespace") }
      let node = try lab.node()
      let path = "/run/netns/plain"
      try node.write("", to: path)
      try node.container().expectRefusals(of: [path], codes: nil) { (path: String, call) in
        call.environment["CNI_NETNS"] = path
      }
    },
    ConformanceCase(
      "INV-26", .should, .mainAndChained, [.delete],
      stimulus: "DEL after ADD when a plain file lies where the namespace was bound, as after a crash of the node",
      expectation: "exit status 0, and nothing is left on the node"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let baseline = try node.state()
      let result = try container.add()
      if !lab.subject.isChained {
        // What the plugin has made in the container would have gone with the namespace, which our descriptor keeps.
        for name in try container.interfaceNames() where name != "lo" {
          try node.tool("ip link delete '\(name)'", in: container)
        }
      }
      try container.remove()
      try node.write("", to: container.path)
      try container.delete(result: result)
      try node.expectNoTrace(since: baseline.without(container))
    },
  ]

  private static func judgeNamespacePaths(_ lab: Lab) throws {
    let node = try lab.node()
    try node.warmUp()
    let usual = try node.container()
    let usualCount = try node.remains(count: 0) { try usual.delete(result: usual.add()) }.count
    for isLink in [false, true] {
      let container = try node.container()
      let process = try container.startIdleProcess()
      let path = isLink ? "/run/netns/link" : "/proc/\(process.pid)/ns/net"
      if isLink { try node.tool("ln -s \(container.path) \(path)") }
      try attempt(path) {
        let remains = try node.remains(count: usualCount) {
          let result = try node.run(container.call(.ADD, through: path)).result()
          try expectSandbox(path, of: lab.manifest.interface, in: result, lab)
          var call = try container.call(.DEL, result: result)
          call.environment["CNI_NETNS"] = path
          try node.run(call).succeed()
        }
        try expect(remains.count <= usualCount, "left behind: \(remains.prefix(8).joined(separator: "; "))")
      }
      // Until here it keeps the path alive.
      try process.kill(SIGKILL)
      _ = try process.wait()
      try container.remove()
    }
  }

  /// Checks that a result knows the interface under the path that the plugin was given.
  private static func expectSandbox(_ path: String, of name: String, in result: JSONObject, _ lab: Lab) throws {
    guard lab.version >= .v0_3_0 else { return }
    let sandboxes = (result["interfaces"]?.array ?? []).filter { $0["name"]?.string == name }
      .compactMap { $0["sandbox"]?.string }
    try expect(sandboxes.contains(path), "the result has \(name) in the sandboxes \(sandboxes)")
  }
}

extension LabNode {
  /// What is left of what `body` has done, once it is no more than `count` lines or has stayed more for a while.
  fileprivate func remains(count: Int, after body: () throws -> Void) throws -> [String] {
    let baseline = try state()
    try body()
    var differences: [String] = []
    _ = try lab.eventually(within: .seconds(1)) {
      differences = try traces(since: baseline)
      return differences.count <= count
    }
    return differences
  }
}
