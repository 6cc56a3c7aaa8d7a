/// One setting as somebody wrote it: where it stands and what it says. All of them are read here, wherever they stand,
/// so that a list of ports means the same in each.
package struct Setting: Sendable {
  /// How errors name it: `annotation traffic.sidecar.istio.io/excludeInboundPorts`, `env INVALID_DROP of istio-proxy`.
  package let name: String
  package let text: String

  package init(_ name: String, _ text: String) {
    self.name = name
    self.text = text
  }

  /// The annotation `key` of a pod, or its default.
  init(annotation key: String, of pod: PodFacts, default fallback: String) {
    self.init("annotation \(key)", pod.annotations[key] ?? fallback)
  }

  /// The environment variable of the proxy; nil if it is not set.
  init?(env name: String, of pod: PodFacts) {
    guard let value = pod.proxy?.environment[name] else { return nil }
    self.init("env \(name) of istio-proxy", value)
  }

  /// Whether the setting is a lone `*`.
  var isEverything: Bool { text.trimmed == "*" }

  /// Nil where Go reads no truth value, in which case the proxy takes it for false, too.
  var bool: Bool? { Bool(goSyntax: text) }

  /// Ports and ranges: `80, 8000-8010`.
  func ports() throws(PolicyError) -> PortSet {
    var ranges: [ClosedRange<Port>] = []
    for item in text.listItems {
      guard let range = ClosedRange(portRange: item) else {
        let isRange = item.utf8.contains(UInt8(ascii: "-"))
        throw error(
          item, isRange ? "is not a port range" : "is not a port",
          isRange
            ? "write the low end first, both from 0 to 65535"
            : "write ports from 0 to 65535 and ranges as 8000-8010, separated by commas")
      }
      ranges.append(range)
    }
    return PortSet(ranges)
  }

  /// Address prefixes: `10.0.0.0/8, fd00::/8`.
  func prefixes() throws(PolicyError) -> [CIDR] {
    var prefixes: [CIDR] = []
    for item in text.listItems {
      guard let prefix = CIDR(item) else {
        throw error(
          item, "is not an address prefix", "write prefixes as 10.0.0.0/8 or fd00::/8, separated by commas")
      }
      prefixes.append(prefix)
    }
    return prefixes
  }

  /// Interface names: `eth1, net0`, each once.
  ///
  /// The kernel takes names of 1 to 15 bytes without slash and white space (dev_valid_name, net/core/dev.c). A `+` at
  /// the end would be a wildcard to iptables, and quotes and backslashes mean something in the texts of both back ends.
  func interfaces() throws(PolicyError) -> [String] {
    var names: [String] = []
    for item in text.listItems {
      let name = String(item)
      guard (1...15).contains(name.utf8.count), name != ".", name != "..",
        name.utf8.allSatisfy({ byte in
          Character(Unicode.Scalar(byte)).isLetter && byte < 128 || (48...57).contains(byte)
            || "_.-@".utf8.contains(byte)
        })
      else {
        throw error(
          item, "is not an interface name",
          "a name has 1 to 15 letters, digits, '.', '_', '-' or '@'; separate several by commas")
      }
      if !names.contains(name) { names.append(name) }
    }
    return names
  }

  /// Group ids: `1000, 2000`.
  func groups() throws(PolicyError) -> [GroupID] {
    var groups: [GroupID] = []
    for item in text.listItems {
      guard item.utf8.allSatisfy({ (48...57).contains($0) }), let id = UInt32(item), id != .max else {
        throw error(
          item, "is not a group id",
          "write numbers from 0 to 4294967294, separated by commas: names mean something in an image only")
      }
      if !groups.contains(GroupID(id)) { groups.append(GroupID(id)) }
    }
    return groups
  }

  /// A prefix of 127.0.0.0/8.
  package func loopback() throws(PolicyError) -> CIDR {
    guard let prefix = CIDR(text.trimmed), prefix.family == .v4, prefix.address.isLoopback, prefix.prefixLength >= 8
    else {
      throw error(
        text.trimmed, "is not a prefix of 127.0.0.0/8", "write a prefix as 127.0.0.1/32 or 127.0.0.0/8")
    }
    return prefix
  }

  func error(_ value: some StringProtocol, _ problem: String, _ advice: String) -> PolicyError {
    PolicyError(setting: name, value: String(value), problem: problem, advice: advice)
  }
}

extension Policy.OwnerGroups {
  /// Reads a pair of include and exclude lists as Istio does: the second counts only when the first is `*`.
  ///
  /// - Parameter include: Nil when it is not set, which stands for `*`; an empty one captures nobody.
  package init(include: Setting?, exclude: Setting?) throws(PolicyError) {
    if let include, !include.isEverything {
      self = .only(try include.groups())
    } else {
      self = .all(except: try exclude?.groups() ?? [])
    }
  }
}

extension ClosedRange<Port> {
  /// Reads `80` or `8000-8010`.
  fileprivate init?(portRange text: Substring) {
    let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { $0.trimmed }
    let ports = ends.compactMap { end in
      end.utf8.allSatisfy { (48...57).contains($0) } ? UInt16(end).map { Port($0) } : nil
    }
    guard ports.count == ends.count, let low = ports.first, let high = ports.last, low <= high else { return nil }
    self = low...high
  }
}

extension StringProtocol where SubSequence == Substring {
  /// The text without blanks at either end.
  fileprivate var trimmed: Substring {
    var text = self[...]
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return text
  }

  /// The items of a comma list, trimmed; none for a blank text. An empty item stays, so that its reader refuses it:
  /// nobody can tell whether a doubled comma hides a forgotten port.
  fileprivate var listItems: [Substring] {
    let text = trimmed
    return text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed)
  }
}
