import JSON
import NodeAgent
import TestKit
import Testing

/// What holds for the files of all vendors, wherever our entry is to stand, and whatever was there before.
@Suite struct PlanFixtureTests {
  static let placements: [Wanted.Placement] = [
    .chained(fileName: nil), .owned(fileName: "02-istio-cni.conflist", primary: nil),
    .standalone(fileName: "YYY-istio-cni.conf"),
  ]

  /// What an earlier agent, or somebody else, left on the node.
  enum Start: CaseIterable {
    case fresh, chained, owned, standalone, halfConverted, convertedAnew, journalLost, stateLost, binaryGone,
      othersEntry,
      entryInFront, severalEntries, entryChanged
  }

  static func node(_ vendor: VendorFile, _ start: Start) throws -> FakeNode {
    var node = FakeNode()
    node.write(vendor.bytes, to: vendor.name)
    let list = "10-\(vendor.vendor).conflist"
    func install(_ placement: Wanted.Placement) {
      node.execute(Plan(installing: FakeNode.wanted(placement), found: node.found))
    }
    let istios: JSONObject = ["name": "istio-cni", "type": "istio-cni", "log_level": "warn"]
    switch start {
    case .fresh: break
    case .chained: install(placements[0])
    case .owned: install(placements[1])
    case .standalone: install(placements[2])
    case .halfConverted:
      for step in Plan(installing: FakeNode.wanted(placements[0]), found: node.found).steps { node.executeHalf(step) }
    case .convertedAnew:
      install(placements[0])
      node.write(vendor.bytes, to: vendor.name)
    case .journalLost:
      install(placements[0])
      node.journal = Journal()
    case .stateLost:
      install(placements[0])
      node.journal = Journal()
      node.originals = [:]
    case .binaryGone:
      install(placements[0])
      node.binaries[FakeNode.binary] = .missing
    case .othersEntry where vendor.isList:
      node.write(try FakeNode.inserting(istios, into: vendor.bytes, name: vendor.name), to: vendor.name)
    case .othersEntry: break
    case .entryInFront, .severalEntries, .entryChanged:
      install(placements[0])
      let text = String(decoding: node.bytes[list] ?? [], as: UTF8.self)
      if start == .entryChanged {
        node.write(text.replacing("\"kube-system\"", with: "\"shop\""), to: list)
      } else {
        // Before the first plugin, which is the first brace behind the first bracket behind the key.
        let key = try #require(text.firstRange(of: "\"plugins\""))
        let brace = try #require(text[key.upperBound...].firstIndex(of: "{"))
        let rest =
          start == .severalEntries
          ? String(text[brace...])
          : String(
            decoding: try FakeNode.removing(from: Array(text.utf8)).dropFirst(text[..<brace].utf8.count), as: UTF8.self)
        node.write(text[..<brace] + "{\"type\":\"istio-cni\"}, " + rest, to: list)
      }
    }
    return node
  }

  @Test("one pass makes the node as wanted, and the next has nothing to do", arguments: VendorFile.all, placements)
  func converges(vendor: VendorFile, placement: Wanted.Placement) throws {
    for start in Start.allCases {
      var node = try Self.node(vendor, start)
      let wanted = FakeNode.wanted(placement)
      let plan = Plan(installing: wanted, found: node.found)
      #expect(plan.obstacles == [], "\(start)")
      node.execute(plan)
      #expect(Plan(installing: wanted, found: node.found) == node.healthy(placement, vendor), "\(start)")
    }
  }

  @Test("the entry ends the chain of the file that leads, and stands nowhere else", arguments: VendorFile.all)
  func leads(vendor: VendorFile) throws {
    for (placement, start) in Self.placements.dropLast().flatMap({ placement in Start.allCases.map { (placement, $0) } }
    ) {
      var node = try Self.node(vendor, start)
      node.execute(Plan(installing: FakeNode.wanted(placement), found: node.found))
      let leading = try #require(node.leading)
      #expect(node.filesWithOurs == [leading], "\(start)")
      #expect(node.chains[leading]?.last == "istio-cni", "\(start)")
      #expect(node.chains[leading]?.count { $0 == "istio-cni" } == 1, "\(start)")
      #expect(leading == (placement.isChained ? "10-\(vendor.vendor).conflist" : "02-istio-cni.conflist"))
    }
  }

  @Test("a removal gives back the very bytes, and leaves nothing", arguments: VendorFile.all, placements)
  func removes(vendor: VendorFile, placement: Wanted.Placement) throws {
    for start in Start.allCases {
      var node = try Self.node(vendor, start)
      node.execute(Plan(installing: FakeNode.wanted(placement), found: node.found))
      let plan = Plan(removing: FakeNode.layout, found: node.found)
      #expect(plan.obstacles == [], "\(start)")
      node.execute(plan)
      #expect(node.bytes == [vendor.name: vendor.bytes], "\(start)")
      #expect(node.originals.isEmpty && node.kubeconfig == nil, "\(start)")
      #expect(node.binaries == [FakeNode.binary: .missing], "\(start)")
      #expect(Plan(removing: FakeNode.layout, found: node.found).isHealthy, "\(start)")
    }
  }

  @Test("the original itself comes back", arguments: VendorFile.all)
  func givesOriginal(vendor: VendorFile) throws {
    var node = try Self.node(vendor, .fresh)
    let original = node.files[vendor.name]
    node.execute(Plan(installing: FakeNode.wanted(Self.placements[0]), found: node.found))
    node.execute(Plan(removing: FakeNode.layout, found: node.found))
    #expect(node.files[vendor.name] == original)
    #expect(node.journal.marks.isEmpty)
  }

  @Test("an owned list is what an edited one would be", arguments: VendorFile.all)
  func derives(vendor: VendorFile) throws {
    var node = try Self.node(vendor, .fresh)
    node.execute(Plan(installing: FakeNode.wanted(Self.placements[1]), found: node.found))
    let expected = try FakeNode.inserting(FakeNode.entry, into: vendor.bytes, name: vendor.name)
    #expect(node.bytes == [vendor.name: vendor.bytes, "02-istio-cni.conflist": expected])
  }
}

extension Wanted.Placement {
  fileprivate var isChained: Bool { if case .chained = self { true } else { false } }
}

extension FakeNode {
  /// The plan for a node where nothing is to be done.
  fileprivate func healthy(_ placement: Wanted.Placement, _ vendor: VendorFile) -> Plan {
    let primary: String? =
      switch placement {
      case .chained: "10-\(vendor.vendor).conflist"
      case .owned: vendor.name
      case .standalone: nil
      }
    return Plan(steps: [], obstacles: [], warnings: [], primary: primary)
  }
}
