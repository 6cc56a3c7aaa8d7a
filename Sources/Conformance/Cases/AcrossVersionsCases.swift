import CNI
import JSON

extension Catalogue {
  /// One configuration in several versions.
  static let acrossVersionsCases: [ConformanceCase] = [
    ConformanceCase(
      "VER-14", .convention, [.main], each: true, [.versionConsiderations],
      stimulus: "ADD with the same configuration in this version and in the newest other one, each on a fresh node",
      expectation: "the same state of the kernel"
    ) { lab in
      let other = try lab.otherVersion()
      let nodes = try [lab.node(), lab.node()]
      for (node, version) in zip(nodes, [lab.version, other]) {
        let container = try node.container()
        try container.add(in: version)
      }
      var differences: [String] = []
      _ = try lab.eventually(within: .seconds(2)) {
        differences = try nodes[0].state().differences(fromOtherNode: nodes[1].state())
        return differences.isEmpty
      }
      try expect(
        differences.isEmpty, "other than at \(other.rawValue): \(differences.prefix(8).joined(separator: "; "))")
    },
    ConformanceCase(
      "VER-15", .should, .all, each: true, [.versionConsiderations],
      stimulus: "ADD with the same configuration in this version and in the newest other one, each on a fresh node",
      expectation: "results that say the same after conversion, but for what the older one cannot say"
    ) { lab in
      let other = try lab.otherVersion()
      let results = try [lab.version, other].map { version in
        let container = try lab.container()
        return try container.add(in: version)
      }
      guard min(lab.version, other) >= .v0_3_0 || !results[1].resultAddresses.isEmpty else {
        throw Inapplicable("results below 0.3.0 cannot say that there is no address")
      }
      let poorer = min(lab.version, other), richer = max(lab.version, other)
      let comparable = try results.map { try $0.converted(to: poorer).converted(to: richer).withoutChance }
      try expectEquivalent(comparable[0], to: comparable[1])
    },
    ConformanceCase(
      "VER-16", .convention, .all, in: .only1_1, [.lifecycle],
      stimulus: "50 calls of ADD and DEL for four containers, each in a version by chance",
      expectation: "results of the version asked, and no trace after the last DEL"
    ) { lab in
      let node = try lab.node()
      try node.warmUp()
      let containers = try (1...4).map { _ in try node.container() }
      let baseline = try node.state()
      var attached: [Int: JSONObject] = [:]
      var chance = Chance(seed: 16)
      for turn in 0..<50 {
        let index = Int.random(in: containers.indices, using: &chance)
        let version = lab.subject.versions.randomElement(using: &chance) ?? lab.version
        // The last turns take away what is there.
        guard let chosen = turn < 46 ? index : attached.keys.min() else { break }
        if let result = attached.removeValue(forKey: chosen) {
          try node.run(containers[chosen].call(.DEL, in: version, result: result)).succeed()
        } else {
          let result = try containers[chosen].add(in: version)
          try ResultShape(version: version).expectLabel(in: result)
          attached[chosen] = result
        }
      }
      try node.expectNoTrace(since: baseline)
    },
  ]
}

extension Lab {
  /// The newest listed version but the lab's.
  fileprivate func otherVersion() throws -> SpecVersion {
    guard let other = subject.versions.last(where: { $0 != version }) else {
      throw Inapplicable("the plugin lists only one version")
    }
    return other
  }
}

extension JSONObject {
  /// The result without what differs from one attachment to the next: hardware addresses and names on the node.
  fileprivate var withoutChance: JSONObject {
    var result = self
    result["interfaces"] = self["interfaces"]?.array.map { entries in
      .array(
        entries.map { entry in
          var entry = entry.object ?? [:]
          entry["mac"] = nil
          if entry["sandbox"]?.string?.isEmpty != false { entry["name"] = "on the node" }
          return .object(entry)
        })
    }
    return result
  }
}

extension State {
  /// As `differences`, between the kernels of two nodes on which the same was done: names of links that occur on one of
  /// them only, and hardware addresses, do not count.
  fileprivate func differences(fromOtherNode other: State) -> [String] {
    let names = linkNames, otherNames = other.linkNames
    return withoutChance(names.subtracting(otherNames))
      .differences(from: other.withoutChance(otherNames.subtracting(names)))
  }

  private var linkNames: Set<String> {
    Set((sections["node: links"] ?? []).compactMap { $0.prefixMatch(of: /([^:@ ]+)/).map { String($0.1) } })
  }

  private func withoutChance(_ names: Set<String>) -> State {
    var state = self
    // What a plugin writes down for itself is its own business.
    state.sections["files"] = nil
    for (section, lines) in state.sections {
      let lines = lines.map { line in
        names.reduce(line.replacing(/([0-9a-f]{2}:){5}[0-9a-f]{2}/, with: "a hardware address")) {
          $0.replacing($1, with: "a link")
        }
      }
      // Rules count by their order.
      state.sections[section] = section.hasSuffix(": rules") ? lines : lines.sorted()
    }
    return state
  }
}

/// Chance that is the same in every run: SplitMix64.
///
/// Source: Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014.
private struct Chance: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
