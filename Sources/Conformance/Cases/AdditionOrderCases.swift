import CNI
import JSON

extension Catalogue {
  /// ADD where something is there already.
  static let additionOrderCases: [ConformanceCase] = [
    ConformanceCase(
      "ADD-05", .must, [.main], [.add],
      stimulus: "ADD where the container has an interface of the name in CNI_IFNAME, with an address",
      expectation: "a clean error, that interface untouched, and no trace"
    ) { lab in
      try lab.requireOwnInterface()
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      try node.makeForeignInterface(lab.manifest.interface, in: container)
      let baseline = try node.state()
      try node.run(container.call(.ADD)).cleanError()
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "ADD-06", .must, .mainAndIPAM, [.add, .lifecycle],
      stimulus: "ADD twice for the same attachment, then ADD for another container",
      expectation: "a clean error for the second, nothing of the first changed, and another address for the third"
    ) { lab in
      try lab.requireOwnInterface()
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container(), next = try node.container()
      let first = try container.add()
      let baseline = try node.state()
      try node.run(container.call(.ADD)).cleanError()
      try node.expectNoTrace(since: baseline)
      if lab.version >= .v0_4_0 { try container.check(result: first) }
      try expectDistinct(first.resultAddresses + next.add().resultAddresses)
    },
    ConformanceCase(
      "ADD-07", .must, .mainAndIPAM, [.add],
      stimulus: "ADD for a second interface of a container on the same network",
      expectation: "success, with an address of its own; the first one keeps its addresses"
    ) { lab in
      try lab.requireOwnInterface()
      let container = try lab.container()
      let first = try container.add()
      let second = try container.add(interface: "second0")
      try expectDistinct(first.resultAddresses + second.resultAddresses)
      guard lab.subject.role == .main else { return }
      for (name, result) in [(lab.manifest.interface, first), ("second0", second)] {
        let kernel = try container.node.interfaces(in: container).first { $0.name == name }
        let addresses = kernel?.addresses.compactMap(NetworkPrefix.init) ?? []
        let wanted = result.resultAddresses.compactMap(NetworkPrefix.init)
        try expect(
          Set(wanted).isSubset(of: addresses),
          "\(name) should have \(result.resultAddresses) and has \(kernel?.addresses ?? [])")
      }
    },
    ConformanceCase(
      "ADD-13", .must, .mainAndIPAM, [.lifecycle],
      stimulus: "four rounds of ADD and DEL for the same attachment",
      expectation: "success each time, and no trace"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let container = try node.container()
      let baseline = try node.state()
      for _ in 0..<4 { try container.delete(result: container.add()) }
      try node.expectNoTrace(since: baseline)
    },
    ConformanceCase(
      "ADD-14", .convention, [.main], [.version0_4],
      stimulus: "ADD where the container has another interface with a default route",
      expectation: "success, and that default route is still there"
    ) { lab in
      try lab.requireOwnInterface()
      let container = try lab.container()
      try container.node.makeForeignInterface("other0", in: container)
      for words in ["link set foreign-peer up", "link set other0 up", "route add default via 192.0.2.1"] {
        try container.node.tool("ip \(words)", in: container)
      }
      try container.add()
      let routes = try container.node.tool("ip -4 route show default", in: container)
      try expect(routes.contains("default via 192.0.2.1 dev other0"), "default routes are: \(routes)")
    },
  ]
}
