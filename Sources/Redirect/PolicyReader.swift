/// What the network configuration says for every pod; a pod's own settings come before it.
package struct PolicyDefaults: Sendable, Equatable {
  /// Which DNS servers' questions go to the agent of a pod that asks for DNS capture.
  package enum DNSScope: String, Sendable, CaseIterable {
    /// Everything on port 53.
    case all
    /// Only the pod's own servers, so that a local resolver that is used on purpose stays out of it.
    case servers
  }

  package var ports = ProxyPorts()
  package var dnsScope = DNSScope.all
  package var ownerGroups = Policy.OwnerGroups.all(except: [])
  package var loopback = CIDR.loopback
  /// The DNS servers that the network's other plugins and the runtime name for the pod.
  package var nameservers: [IPAddress] = []

  package init() {}
}

extension Policy {
  /// Reads the policy from a meshed pod's annotations, its proxy's environment and its security contexts.
  ///
  /// - Throws: `PolicyError` for the first setting that is malformed.
  package init(_ pod: PodFacts, defaults: PolicyDefaults = PolicyDefaults()) throws(PolicyError) {
    let list = { (key: String, fallback: String) in Setting(annotation: key, of: pod, default: fallback) }
    let proxy = pod.proxy
    self.init(
      mode: try Self.mode(pod),
      inbound: try Self.inbound(pod, health: defaults.ports.health),
      outbound: try Self.destinations(list(Annotation.includeOutboundIPRanges, "*")),
      excludedOutbound: try Self.excludedDestinations(list(Annotation.excludeOutboundIPRanges, "")),
      includedOutboundPorts: try list(Annotation.includeOutboundPorts, "").ports(),
      excludedOutboundPorts: try list(Annotation.excludeOutboundPorts, "15020").ports(),
      excludedInterfaces: try list(Annotation.excludeInterfaces, "").interfaces(),
      reroutedInterfaces: try Self.reroutedInterfaces(pod),
      ownerGroups: try Self.ownerGroups(pod, defaults),
      dns: Self.dnsCapture(pod, defaults),
      dropsInvalid: Setting(env: ProxyVariable.invalidDrop, of: pod)?.bool ?? false,
      loopback: try Setting(env: ProxyVariable.loopback, of: pod)?.loopback() ?? defaults.loopback,
      proxyUser: try Self.identity("runAsUser", proxy?.runAsUser ?? pod.runAsUser).map { UserID($0) } ?? .defaultProxy,
      proxyGroup: try Self.identity("runAsGroup", proxy?.runAsGroup ?? pod.runAsGroup).map { GroupID($0) }
        ?? .defaultProxy,
      ports: defaults.ports)
  }

  private static func mode(_ pod: PodFacts) throws(PolicyError) -> Mode {
    let setting = Setting(annotation: Annotation.interceptionMode, of: pod, default: Mode.redirect.rawValue)
    guard let mode = Mode(rawValue: setting.text) else {
      throw setting.error(setting.text, "is not REDIRECT, TPROXY or NONE", "use one of the three, in capitals")
    }
    return mode
  }

  private static func inbound(_ pod: PodFacts, health: PortSet) throws(PolicyError) -> Inbound {
    let included = Setting(annotation: Annotation.includeInboundPorts, of: pod, default: "*")
    let excluded = try Setting(annotation: Annotation.excludeInboundPorts, of: pod, default: "15020").ports()
    return included.isEverything ? .all(except: excluded.union(health)) : .only(try included.ports())
  }

  private static func destinations(_ setting: Setting) throws(PolicyError) -> Destinations {
    setting.isEverything ? .all : .only(try setting.prefixes())
  }

  private static func excludedDestinations(_ setting: Setting) throws(PolicyError) -> [CIDR] {
    guard !setting.isEverything else {
      throw setting.error(
        setting.text, "would exclude everything",
        "set \(Annotation.includeOutboundIPRanges) to the empty string instead")
    }
    return try setting.prefixes()
  }

  /// The older annotation counts only where the newer one is absent.
  private static func reroutedInterfaces(_ pod: PodFacts) throws(PolicyError) -> [String] {
    let key = Annotation.rerouteVirtualInterfaces
    return try Setting(
      annotation: pod.annotations[key] == nil ? Annotation.kubevirtInterfaces : key, of: pod, default: ""
    ).interfaces()
  }

  /// A pod that sets either list replaces both of the network configuration.
  private static func ownerGroups(_ pod: PodFacts, _ defaults: PolicyDefaults) throws(PolicyError) -> OwnerGroups {
    let include = Setting(env: ProxyVariable.ownerGroups, of: pod)
    let exclude = Setting(env: ProxyVariable.excludedOwnerGroups, of: pod)
    return include == nil && exclude == nil
      ? defaults.ownerGroups : try OwnerGroups(include: include, exclude: exclude)
  }

  private static func dnsCapture(_ pod: PodFacts, _ defaults: PolicyDefaults) -> DNSCapture {
    guard Setting(env: ProxyVariable.dnsCapture, of: pod)?.bool == true else { return .off }
    switch defaults.dnsScope {
    case .all: return .all
    case .servers:
      let servers = Set(defaults.nameservers + pod.nameservers).sorted()
      return servers.isEmpty ? .off : .servers(servers)
    }
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

/// The environment variables of the proxy that are read.
package enum ProxyVariable {
  package static let disableEnvoy = "DISABLE_ENVOY"
  package static let dnsCapture = "ISTIO_META_DNS_CAPTURE"
  package static let invalidDrop = "INVALID_DROP"
  /// Accepted and without effect: both families are always captured.
  package static let dualStack = "ISTIO_DUAL_STACK"
  package static let ownerGroups = "ISTIO_OUTBOUND_OWNER_GROUPS"
  package static let excludedOwnerGroups = "ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE"
  package static let loopback = "ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR"

  /// Those that a decision, a policy or a warning reads.
  package static let read = Set(decisive + switches)

  /// Those whose value must be known for the redirect to be the one that is asked for.
  static let decisive = [disableEnvoy, dnsCapture, invalidDrop, ownerGroups, excludedOwnerGroups, loopback]
  /// Those that Go's booleans are expected in.
  static let switches = [disableEnvoy, dnsCapture, invalidDrop, dualStack]
}
