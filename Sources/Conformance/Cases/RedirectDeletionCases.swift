import CNI
import Harness
import JSON
import System

extension Catalogue {
  /// DEL of a redirect, and what must go by itself.
  static let redirectDeletionCases: [ConformanceCase] = [
    ConformanceCase(
      "RDR-07", .should, [.redirect], [.delete],
      stimulus: "ADD killed at 20 points of its time, then DEL, and in the end ADD",
      expectation: "the rules are all there or none is, DEL leaves no trace, and the last ADD redirects",
      judge: judgeKilledAdditions),
    ConformanceCase(
      "RDR-09", .must, [.redirect], [.delete],
      stimulus: "ADD and DEL in a container that goes on living; plain, with TPROXY, and with capture of DNS",
      expectation: "rules, sets, policy rules, routes, addresses and kernel parameters are as they were"
    ) { lab in
      for wish in [nil, RedirectWish.isTransparent, .capturesDNS] where wish.map(lab.knows) ?? true {
        let scene = try lab.redirectScene(asking: wish)
        let node = scene.container.node
        let baseline = try node.state()
        let result = try scene.container.add()
        try scene.expectRedirected()
        try scene.container.delete(result: result)
        try node.expectNoTrace(since: baseline)
        try scene.expectDirect()
      }
    },
    ConformanceCase(
      "RDR-10", .must, [.redirect], [.delete],
      stimulus:
        "DEL when the namespace is gone, when its path is empty, when a plain file is there, and when ADD never ran",
      expectation: "exit status 0 within a second"
    ) { lab in
      let node = try lab.node()
      for (name, change) in lostNamespaces {
        let container = try node.container()
        let result = name == "never added" ? nil : try container.add()
        var call = try container.call(.DEL, result: result)
        try change(container, &call)
        try attemptQuickDeletion(name, on: node, call)
      }
    },
    ConformanceCase(
      "RDR-11", .must, [.redirect], [.delete, .deletingAttachment],
      stimulus: "DEL without prevResult, CNI_ARGS and runtimeConfig, when nothing that the plugin asks answers",
      expectation: "exit status 0 within a second"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      try container.add()
      if let kubernetes = lab.manifest.kubernetes {
        try node.cluster?.stop()
        try node.tool("rm \(kubernetes.kubeconfig)")
      }
      var call = try container.call(.DEL)
      call.configuration["runtimeConfig"] = nil
      call.environment["CNI_ARGS"] = ""
      try attemptQuickDeletion("without anything", on: node, call)
      try container.remove()
      try attemptQuickDeletion("without anything, and without the namespace", on: node, call)
    },
    ConformanceCase(
      "RDR-12", .should, [.redirect], [.delete],
      stimulus: "DEL after nft and iptables have been uninstalled and the namespace is gone",
      expectation: "exit status 0"
    ) { lab in
      let node = try lab.node()
      let container = try node.container()
      let result = try container.add()
      try container.remove()
      let tools = Call.ruleTools + lab.manifest.programs.map { "/usr/sbin/\($0)" }
      try node.run(container.call(.DEL, result: result).hiding(tools)).succeed()
    },
    ConformanceCase(
      "RDR-29", .must, [.redirect, .chained, .main], [.lifecycle],
      stimulus: "the path of the namespace is taken away after ADD, and in another container after DEL",
      expectation: "the namespace really vanishes: nothing that the plugin has left holds it", judge: judgeVanishing),
    ConformanceCase(
      "RDR-38", .should, [.redirect], [.delete],
      stimulus: "ADD, then DEL; plain, and with TPROXY",
      expectation:
        "kernel parameters change inside the container only, only those that the manifest declares, and they come back"
    ) { lab in
      for wish in [nil, RedirectWish.isTransparent] where wish.map(lab.knows) ?? true {
        let node = try lab.node()
        let container = try wish.map { try node.container(asking: $0) } ?? node.container()
        let parameters = { () throws -> State in
          var state = try node.state()
          state.sections = state.sections.filter { $0.key.hasSuffix(": kernel parameters") }
          return state
        }
        let before = try parameters()
        let result = try container.add()
        let declared = try lab.redirectFacts().kernelParameters
          .map { "^. container \(container.number): kernel parameters: \($0)" }
        let changes = try parameters().differences(from: before, ignoring: declared)
        try expect(changes.isEmpty, "changed by ADD: \(changes.joined(separator: "; "))")
        try container.delete(result: result)
        let rest = try parameters().differences(from: before)
        try expect(rest.isEmpty, "changed after DEL: \(rest.joined(separator: "; "))")
      }
    },
  ]

  /// Ways in which a runtime has lost a namespace.
  private static var lostNamespaces: [(name: String, change: (Container, inout Call) throws -> Void)] {
    [
      ("never added", { _, _ in }),
      ("namespace gone", { container, _ in try container.remove() }),
      ("empty path", { _, call in call.environment["CNI_NETNS"] = "" }),
      ("no path", { _, call in call.environment["CNI_NETNS"] = nil }),
      (
        "plain file",
        { container, _ in
          try container.remove()
          try container.node.write("", to: container.path)
        }
      ),
    ]
  }

  private static func attemptQuickDeletion(_ name: String, on node: LabNode, _ call: Call) throws {
    let reply = try node.run(call)
    try expect(reply.status == .exited(0), "\(name): \(reply.description)")
    try expect(reply.duration < .seconds(1), "\(name): DEL took \(reply.duration)")
  }

  @Sendable private static func judgeKilledAdditions(_ lab: Lab) throws {
    let scene = try lab.redirectScene()
    let container = scene.container
    let node = container.node
    let baseline = try node.state()
    let addition = { (limit: Double) throws -> Reply in
      var call = try container.call(.ADD)
      call.launcher = ["/usr/bin/timeout", "--foreground", "-s", "KILL", "\(limit)"]
      return try node.run(call)
    }
    let first = try addition(20)
    let result = try first.result()
    let all = try container.packetRules()
    try container.delete(result: result)
    let none = try container.packetRules()
    try expect(all != none, "ADD made no rule, or DEL left them all")
    for point in 0..<20 {
      // timeout takes 0 for no limit.
      _ = try addition(max(0.0001, first.duration / .seconds(1) * 1.1 * Double(point) / 19))
      let rules = try container.packetRules()
      try expect(rules == none || rules == all, "killed at point \(point) of 20, ADD left a part of its rules")
      try container.delete()
      try expectSame(try container.packetRules(), as: none, "rules after DEL at point \(point) of 20")
    }
    try node.expectNoTrace(since: baseline)
    try container.add()
    try scene.expectRedirected()
  }

  @Sendable private static func judgeVanishing(_ lab: Lab) throws {
    let node = try lab.node()
    for goesBeforeDelete in [true, false] {
      let container = try node.container()
      // An interface ends with the namespace of its peer.
      let witness = "witness\(container.number)"
      try node.node.network.join(
        WireEnd(interface: witness, addresses: []), to: container.network(), WireEnd(interface: "seen0", addresses: []))
      let result = try container.add()
      if !goesBeforeDelete { try container.delete(result: result) }
      try container.remove()
      let isGone = try lab.eventually(within: .seconds(5)) {
        try node.program("/usr/sbin/ip", ["link", "show", witness]).status != .exited(0)
      }
      try expect(isGone, "after \(goesBeforeDelete ? "ADD" : "DEL") something holds the namespace")
      if goesBeforeDelete { try container.delete(result: result) }
    }
  }
}
