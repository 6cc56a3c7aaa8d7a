extension Policy {
  /// Reads the policy from a meshed pod's annotations, its proxy's environment and its security contexts.
  ///
  /// - Throws: `PolicyError` for the first setting that is malformed, or that this version does not do.
  package init(_ pod: PodFacts) throws(PolicyError) {
    try Self.refuseUnsupported(pod)
    let ports = ProxyPorts()
    let inbound: Inbound
    switch try PortSelection(Annotation.includeInboundPorts, of: pod, default: "*", allowsAll: true) {
    case .all:
      let excluded = try PortSelection.list(Annotation.excludeInboundPorts, of: pod, default: "15020")
      inbound = .all(except: excluded.union(ports.health))
    case .only(let listed):
      inbound = .only(listed)
    }
    let proxy = pod.proxy
    self.init(
      inbound: inbound,
      outbound: try Self.destinations(Annotation.includeOutboundIPRanges, of: pod, default: "*"),
      excludedOutbound: try Self.excludedDestinations(Annotation.excludeOutboundIPRanges, of: pod),
      includedOutboundPorts: try PortSelection.list(Annotation.includeOutboundPorts, of: pod, default: ""),
      excludedOutboundPorts: try PortSelection.list(Annotation.excludeOutboundPorts, of: pod, default: "15020"),
      proxyUser: try Self.identity("runAsUser", proxy?.runAsUser ?? pod.runAsUser).map { UserID($0) } ?? .defaultProxy,
      proxyGroup: try Self.identity("runAsGroup", proxy?.runAsGroup ?? pod.runAsGroup).map { GroupID($0) }
        ?? .defaultProxy,
      ports: ports)
  }

  /// Settings that are part of Istio's contract and not of this version: refused, since a pod that asks for one must
  /// not run without it.
  private static func refuseUnsupported(_ pod: PodFacts) throws(PolicyError) {
    let mode = pod.annotations[Annotation.interceptionMode] ?? "REDIRECT"
    guard mode == "REDIRECT" else {
      throw PolicyError(
        annotation: Annotation.interceptionMode, value: mode,
        problem: mode == "TPROXY" ? "is not supported yet" : "is not REDIRECT, TPROXY or NONE",
        advice: "use REDIRECT or NONE")
    }
    for key in [Annotation.excludeInterfaces, Annotation.rerouteVirtualInterfaces, Annotation.kubevirtInterfaces] {
      if let value = pod.annotations[key], !value.isEmpty {
        throw PolicyError(
          annotation: key, value: value, problem: "is not supported yet", advice: "remove the annotation")
      }
    }
    for name in ["ISTIO_META_DNS_CAPTURE", "INVALID_DROP"] {
      if let value = pod.proxy?.environment[name], Bool(goSyntax: value) == true {
        throw PolicyError(
          setting: "env \(name) of istio-proxy", value: value, problem: "is not supported yet",
          advice: "set it to false for this pod")
      }
    }
  }

  private static func destinations(
    _ key: String, of pod: PodFacts, default fallback: String
  ) throws(PolicyError) -> Destinations {
    let text = pod.annotations[key] ?? fallback
    return text.trimmed == "*" ? .all : .only(try prefixes(text, key))
  }

  private static func excludedDestinations(_ key: String, of pod: PodFacts) throws(PolicyError) -> [CIDR] {
    let text = pod.annotations[key] ?? ""
    guard text.trimmed != "*" else {
      throw PolicyError(
        annotation: key, value: text, problem: "would exclude everything",
        advice: "set \(Annotation.includeOutboundIPRanges) to the empty string instead")
    }
    return try prefixes(text, key)
  }

  private static func prefixes(_ text: String, _ key: String) throws(PolicyError) -> [CIDR] {
    var prefixes: [CIDR] = []
    for item in text.listItems {
      guard let prefix = CIDR(item) else {
        throw PolicyError(
          annotation: key, value: String(item), problem: "is not an address prefix",
          advice: "write prefixes as 10.0.0.0/8 or fd00::/8, separated by commas")
      }
      prefixes.append(prefix)
    }
    return prefixes
  }

  /// Nil stands for the default. Root counts as unset, as in Istio: a proxy that runs as root is told apart by its
  /// group.
  private static func identity(_ field: String, _ value: Int64?) throws(PolicyError) -> UInt32? {
    guard let value, value != 0 else { return nil }
    guard let id = UInt32(exactly: value), id != .max else {
      throw PolicyError(
        setting: "securityContext.\(field) of istio-proxy", value: String(value), problem: "is not a user or group id",
        advice: "use a number from 0 to 4294967294")
    }
    return id
  }
}

/// A port annotation's value.
private enum PortSelection {
  case all
  case only(PortSet)

  init(
    _ key: String, of pod: PodFacts, default fallback: String, allowsAll: Bool
  ) throws(PolicyError) {
    let text = pod.annotations[key] ?? fallback
    if allowsAll, text.trimmed == "*" {
      self = .all
      return
    }
    var ranges: [ClosedRange<Port>] = []
    for item in text.listItems {
      guard let range = ClosedRange(portRange: item) else {
        throw Self.error(key, String(item))
      }
      ranges.append(range)
    }
    self = .only(PortSet(ranges))
  }

  /// A list in which `*` has no meaning.
  static func list(_ key: String, of pod: PodFacts, default fallback: String) throws(PolicyError) -> PortSet {
    switch try PortSelection(key, of: pod, default: fallback, allowsAll: false) {
    case .all: PortSet()
    case .only(let ports): ports
    }
  }

  private static func error(_ key: String, _ item: String) -> PolicyError {
    let isRange = item.utf8.contains(UInt8(ascii: "-"))
    return PolicyError(
      annotation: key, value: item, problem: isRange ? "is not a port range" : "is not a port",
      advice: isRange
        ? "write the low end first, both from 0 to 65535"
        : "write ports from 0 to 65535 and ranges as 8000-8010, separated by commas")
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
