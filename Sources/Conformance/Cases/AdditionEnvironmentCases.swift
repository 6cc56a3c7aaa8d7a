import CNI
import Harness
import JSON
import System

extension Catalogue {
  /// ADD with a namespace that is none of a container, or with odd arguments.
  static let additionEnvironmentCases: [ConformanceCase] = [
    ConformanceCase(
      "ADD-08", .must, [.main], [.add],
      stimulus: "ADD with a CNI_NETNS that does not exist",
      expectation: "a clean error, and no trace"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      var call = try container.call(.ADD)
      call.environment["CNI_NETNS"] = "/run/netns/gone"
      let baseline = try node.state()
      try node.run(call).cleanError()
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "ADD-09", .convention, .mainAndChained, [.parameters, .library],
      stimulus: "ADD with the node's own namespace as CNI_NETNS",
      expectation: "a clean error before anything has changed"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let (call, stub) = try node.callIntoNode()
      let baseline = try node.state()
      try node.run(call).cleanError()
      try node.expectNoTrace(since: baseline, ignoring: ["/run/stub/calls"])
      let verbs = try stub?.calls().map(\.verb) ?? []
      try expect(verbs.isEmpty, "before it refused it has called its delegate: \(verbs.joined(separator: ", "))")
    },
    ConformanceCase(
      "ADD-10", .convention, .mainAndChained, [.library],
      stimulus: "ADD with the node's own namespace, and CNI_NETNS_OVERRIDE as 1, true, TRUE and yes",
      expectation: "with the first three the plugin does not refuse any more, with the last it does"
    ) { lab in
      let run = { (override: String?) throws -> Reply in
        let node = try lab.node()
        var (call, _) = try node.callIntoNode()
        call.environment["CNI_NETNS_OVERRIDE"] = override
        return try node.run(call)
      }
      let unasked = try run(nil)
      guard unasked.status != .exited(0) else {
        throw Inapplicable("the plugin has no guard that could be switched off")
      }
      let refusal = try unasked.cleanError().message
      for override in ["1", "true", "TRUE"] {
        // Without the guard it may still stumble, over the node's own links and routes.
        let reply = try run(override)
        guard try !reply.succeedOrFailCleanly() else { continue }
        try expect(reply.errorObject?.message != refusal, "with \(override) it still refuses: \(reply.description)")
      }
      let message = try run("yes").cleanError().message
      try expect(message == refusal, "with yes it does not refuse, but fails later: \(message)")
    },
    ConformanceCase(
      "ADD-15", .must, .all, [.parameters, .conventions],
      stimulus: "ADD with the CNI_ARGS of Kubernetes runtimes, IgnoreUnknown=1 first or last",
      expectation: "success"
    ) { lab in
      let node = try lab.node()
      for isFirst in [true, false] {
        let container = try node.container()
        var call = try container.call(.ADD)
        let others = container.arguments.split(separator: ";").filter { $0 != "IgnoreUnknown=1" }
        let arguments = isFirst ? ["IgnoreUnknown=1"] + others : others + ["IgnoreUnknown=1"]
        call.environment["CNI_ARGS"] = arguments.joined(separator: ";")
        try node.run(call).result()
      }
    },
    ConformanceCase(
      "ADD-16", .convention, .all, [.parameters, .conventions],
      stimulus: "ADD with odd CNI_ARGS: an unknown key, no value, two equals signs, semicolons only",
      expectation: "success or a clean error"
    ) { lab in
      let node = try lab.node()
      for arguments in ["FOO=BAR", "FOO", "A=B=C", ";;", "IgnoreUnknown=1;FOO=a=b", "IgnoreUnknown=1;K8S_POD_NAME=a=b"]
      {
        var call = try node.container().call(.ADD)
        call.environment["CNI_ARGS"] = arguments
        let reply = try node.run(call)
        if try reply.succeedOrFailCleanly() { try reply.result() }
      }
    },
  ]
}

extension LabNode {
  /// ADD for an attachment to this node's own namespace, as a stale /proc/PID/ns/net may lead to.
  ///
  /// - Returns: The call, and the delegate that a main plugin would ask.
  /// - Throws: `Inapplicable` for plugins that do not enter namespaces.
  fileprivate func callIntoNode() throws -> (call: Call, stub: StubDelegate?) {
    guard lab.manifest.entersNamespace else { throw Inapplicable("the plugin does not enter the namespace") }
    let delegates = lab.subject.role == .main && lab.manifest.delegate != nil
    let stub = delegates ? try StubDelegate(on: self) : nil
    var call = try container().call(.ADD, configuration: stub.map { try lab.delegating(to: $0) } ?? [:])
    if let stub { call = call.delegating(to: stub) }
    let path = "/run/netns/node"
    try node.network.withRawValue { (descriptor) throws(SystemError) in
      try node.run { () throws(SystemError) in try bindNamespace(descriptor, to: path) }
    }
    call.environment["CNI_NETNS"] = path
    if lab.subject.isChained { try makeForeignInterface(lab.manifest.interface) }
    return (call, stub)
  }
}
