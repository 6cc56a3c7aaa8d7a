/// Collects the sets that rules refer to, each once; an empty list makes neither a set nor a match.
struct NamedSets {
  private(set) var list: [NamedSet] = []

  private mutating func add(_ set: NamedSet) {
    if !list.contains(where: { $0.name == set.name }) { list.append(set) }
  }

  mutating func ports(_ name: String, _ ports: PortSet) -> Match? {
    guard !ports.isEmpty else { return nil }
    add(NamedSet(name, .ports(ports)))
    return .destinationPortInSet(name)
  }

  mutating func groups(_ name: String, _ groups: [GroupID]) -> Match? {
    guard !groups.isEmpty else { return nil }
    add(NamedSet(name, .groups(Set(groups).sorted { $0.rawValue < $1.rawValue })))
    return .groupInSet(name)
  }

  /// A set for each family that has a prefix.
  mutating func addresses(_ name: String, _ prefixes: [CIDR]) -> [(IPFamily, String)] {
    IPFamily.allCases.compactMap { family in
      let ranges = prefixes.ranges(family)
      guard !ranges.isEmpty else { return nil }
      let name = "\(name)-\(family == .v4 ? "ipv4" : "ipv6")"
      add(NamedSet(name, .addresses(family, ranges)))
      return (family, name)
    }
  }

  mutating func destinations(_ name: String, _ prefixes: [CIDR]) -> [(IPFamily, Match)] {
    addresses(name, prefixes).map { family, name in (family, .destinationInSet(family, name)) }
  }
}
