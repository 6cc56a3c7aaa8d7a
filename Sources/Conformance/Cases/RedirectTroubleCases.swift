import CNI
import Harness
import JSON
import System

extension Catalogue {
  /// A redirect in trouble: without tools, rights, or an API server; and what it says then.
  static let redirectTroubleCases: [ConformanceCase] = [
    ConformanceCase(
      "RDR-06", .should, [.redirect], [.error],
      stimulus: "ADD when nft and iptables are missing, and when the plugin may not administer networks",
      expectation: "the redirect works, or a clean error and no rule; but no success without it"
    ) { lab in
      let tools = Call.ruleTools + lab.manifest.programs.map { "/usr/sbin/\($0)" }
      let troubles: [(name: String, change: (Call) -> Call)] = [
        ("without rule tools", { $0.hiding(tools) }),
        ("without CAP_NET_ADMIN", { $0.withoutNetworkRights() }),
      ]
      for (name, change) in troubles {
        let scene = try lab.redirectScene()
        let container = scene.container
        let baseline = try container.node.state()
        let reply = try container.node.run(change(container.call(.ADD)))
        if reply.status == .exited(0) {
          do {
            try scene.expectRedirected()
          } catch let discrepancy as Discrepancy {
            throw Discrepancy("\(name) ADD succeeds, and \(discrepancy.observed)")
          }
        } else {
          try reply.cleanError()
          // mount, which hides the tools, makes a folder.
          try container.node.expectNoTrace(since: baseline, ignoring: ["folder /run/mount "])
        }
      }
    },
    ConformanceCase(
      "RDR-30", .should, [.redirect], [.error],
      stimulus:
        "ADD when the API server is gone, answers 503, or does not answer; also for the pod of the plugin's own agent",
      expectation: "error 11, which names it, within 30 s, and no rule; the agent's pod passes", judge: judgeDeafServer),
    ConformanceCase(
      "RDR-36", .should, [.redirect], [.error],
      stimulus: "every kind of error, and the most talkative log, with secrets in configuration and kubeconfig",
      expectation: "no secret in any output or file, and no file of the plugin's that others may read",
      judge: judgeSecrets),
  ]

  @Sendable private static func judgeDeafServer(_ lab: Lab) throws {
    guard let kubernetes = lab.manifest.kubernetes else { throw Inapplicable("the plugin asks no API server") }
    let behaviours: [(name: String, change: (Cluster) throws -> Void)] = [
      ("gone", { try $0.stop() }),
      ("answering 503", { $0.apiServer.setBehaviour(.status(503)) }),
      ("silent", { $0.apiServer.setBehaviour(.slow(.seconds(60))) }),
    ]
    for (name, change) in behaviours {
      let node = try lab.node()
      guard let cluster = node.cluster else { continue }
      let container = try lab.knows(.hurries) ? node.container(asking: .hurries) : node.container()
      let baseline = try node.state()
      try change(cluster)
      var call = try container.call(.ADD)
      call.timeLimit = .seconds(35)
      let reply = try node.run(call)
      try expect(reply.duration < .seconds(30), "the API server is \(name): ADD took \(reply.duration)")
      let error = try reply.cleanError([11])
      let text = error.message + error.details
      try expect(
        text.contains("API server") || text.contains(Cluster.address.address),
        "the API server is \(name), and nobody is told: \(reply.description)")
      try node.expectNoTrace(since: baseline)
      guard let agent = kubernetes.agent else { continue }
      var own = try container.call(.ADD)
      own.environment["CNI_ARGS"] =
        "IgnoreUnknown=1;K8S_POD_NAMESPACE=\(agent.namespace);K8S_POD_NAME=\(agent.name);K8S_POD_UID=agent"
      try expectEquivalent(node.run(own).result(), to: container.previousResult(in: lab.version) ?? [:])
    }
  }

  @Sendable private static func judgeSecrets(_ lab: Lab) throws {
    let node = try lab.node()
    let container = try lab.knows(.logsEverything) ? node.container(asking: .logsEverything) : node.container()
    let annotation = "conformance-secret-8f14e45f"
    let secrets = lab.manifest.secrets + (node.cluster == nil ? [] : [Cluster.token]) + [annotation]
    let before = try node.state().sections["files"] ?? []
    for call in try loudCalls(container, annotation, on: node) {
      try call.prepare()
      let reply = try node.run(call.call)
      let output = String(decoding: reply.output + reply.errorOutput, as: UTF8.self)
      for secret in secrets {
        try expect(!output.contains(secret), "\(call.name): the plugin tells a secret (\(secret))")
      }
      let files = try node.state().sections["files"] ?? []
      for line in Set(files).subtracting(before) where line.hasPrefix("file ") {
        let words = line.split(separator: " ")
        let mode = Int(words[2], radix: 8) ?? 0
        try expect(mode & 0o077 == 0, "\(call.name): others may read \(line)")
        let text = try node.tool("cat \(words[1])")
        for secret in secrets where !before.contains(where: { $0.hasPrefix("file \(words[1]) ") }) {
          try expect(!text.contains(secret), "\(call.name): a secret (\(secret)) is in \(words[1])")
        }
      }
    }
  }

  /// A call that may make a plugin say more than it should.
  private struct LoudCall {
    let name: String
    var call: Call
    var prepare: () throws -> Void = {}
  }

  private static func loudCalls(
    _ container: Container, _ secret: String, on node: LabNode
  ) throws -> [LoudCall] {
    let lab = node.lab
    // Errors of the API server are retried for as long as ADD may take.
    let hurry = lab.manifest.redirect?.wishes[RedirectWish.hurries.rawValue]?.configuration ?? [:]
    let annotated = hurry.patched(with: [
      "runtimeConfig": [
        "io.kubernetes.cri.pod-annotations": ["example.test/secret": .string(secret), "sidecar.istio.io/status": "{}"]
      ]
    ])
    let add = try container.call(.ADD, configuration: annotated)
    let text = add.standardInput
    var calls = [LoudCall(name: "ADD", call: add)]
    for verb in [Command.CHECK, .DEL, .STATUS, .GC] {
      let previous = try container.previousResult(in: lab.version)
      calls.append(
        LoudCall(name: "\(verb)", call: try container.call(verb, result: previous, configuration: annotated)))
    }
    let change = { (name: String, change: (inout Call) -> Void) in
      var call = add
      change(&call)
      calls.append(LoudCall(name: name, call: call))
    }
    change("half a configuration") { $0.input = Array(text.prefix(text.count / 2)) }
    change("all but the last byte") { $0.input = Array(text.dropLast()) }
    change("two configurations") { $0.input = text + text }
    change("a bare list") { $0.input = [UInt8(ascii: "[")] + text + [UInt8(ascii: "]")] }
    change("an unknown version") { $0.configuration["cniVersion"] = "9.9.9" }
    change("a name of a wrong type") { $0.configuration["name"] = 7 }
    change("a prevResult of a wrong type") { $0.configuration["prevResult"] = 7 }
    change("no namespace") { $0.environment["CNI_NETNS"] = "/run/netns/nowhere" }
    change("a plain file for a namespace") { $0.environment["CNI_NETNS"] = "/etc/passwd" }
    change("malformed CNI_ARGS") { $0.environment["CNI_ARGS"] = "K8S_POD_NAME" }
    change("no rights") { $0 = $0.withoutNetworkRights() }
    guard let cluster = node.cluster, let kubernetes = lab.manifest.kubernetes else { return calls }
    for behaviour in [FakeAPIServer.Behaviour.status(403), .truncated, .html200] {
      calls.append(
        LoudCall(name: "an API server that is \(behaviour)", call: add) { cluster.apiServer.setBehaviour(behaviour) })
    }
    calls.append(
      LoudCall(name: "a token that is refused", call: add) {
        cluster.apiServer.setBehaviour(.normal)
        cluster.apiServer.setToken("another one")
      })
    for (name, edit) in [("an unpaired quote", "s/token: /&\"/"), ("odd indentation", "s/^ *token:/ token:/")] {
      calls.append(
        LoudCall(name: "a kubeconfig with \(name)", call: add) {
          try node.tool("sed -i '\(edit)' \(kubernetes.kubeconfig)")
        })
    }
    return calls
  }
}
