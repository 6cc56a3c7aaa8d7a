import CNI
import FaultTable
import JSON

/// What is redirected: new TCP connections out of the container and into it, and DNS where that is wanted.
///
/// Only packets that open a connection are looked at: those of one that is older than the rules would look new to
/// connection tracking, and be led astray.
struct RedirectRules {
  private let outboundPort: Int
  private let inboundPort: Int
  private let excludedInboundPorts: [Int]
  private let excludedOutboundPorts: [Int]
  private let excludedOutboundPrefixes: [IPPrefix]
  private let capturesDNS: Bool

  init(_ configuration: NetworkConfiguration) throws(Failure) {
    outboundPort = try configuration.port("outboundPort") ?? 15001
    inboundPort = try configuration.port("inboundPort") ?? 15006
    // Probes and metrics of the proxy itself.
    excludedInboundPorts = try configuration.ports("excludeInboundPorts") + [15020, 15021, 15090]
    excludedOutboundPorts = try configuration.ports("excludeOutboundPorts")
    let texts = try configuration.strings("excludeOutboundCIDRs") ?? []
    excludedOutboundPrefixes = texts.compactMap { IPPrefix($0) }
    guard texts.count == excludedOutboundPrefixes.count else {
      throw Failure(
        code: .invalidConfiguration, message: "configuration key \"excludeOutboundCIDRs\" has what is no prefix")
    }
    capturesDNS = try configuration.bool("dnsCapture") ?? false
  }

  private static let proxyID = 1337

  private static var opening: String {
    switch fault {
    case .catchesOpenConnections: "meta l4proto tcp"
    case .redirectsIPv4Only: "meta nfproto ipv4 tcp flags & (fin | syn | rst | ack) == syn"
    default: "tcp flags & (fin | syn | rst | ack) == syn"
    }
  }

  /// The chains, as nft reads them.
  var text: String {
    let captured = ["udp dport 53 redirect to :15053", "tcp dport 53 \(Self.opening) redirect to :15053"]
    var inbound = ["iifname \"lo\" return"]
    if fault != .catchesProbes { inbound += excludedInboundPorts.map { "tcp dport \($0) return" } }
    inbound.append("fib daddr type local \(Self.opening) redirect to :\(inboundPort)")
    var outbound: [String] = []
    if fault != .catchesTheProxy { outbound += ["skuid", "skgid"].map { "meta \($0) \(Self.proxyID) return" } }
    if capturesDNS || fault == .alwaysCapturesDNS { outbound += captured }
    if fault != .redirectsLocalTraffic { outbound.append("fib daddr type local return") }
    if fault != .ignoresExclusions {
      outbound += excludedOutboundPorts.map { "tcp dport \($0) return" }
      outbound += excludedOutboundPrefixes.map(Self.exclusion)
    }
    if fault != .leavesOutboundAlone { outbound.append("\(Self.opening) redirect to :\(outboundPort)") }
    return chain("output", outbound) + chain("prerouting", inbound)
  }

  /// Half of the rules.
  var outboundText: String { chain("output", ["\(Self.opening) redirect to :\(outboundPort)"]) }

  private static func exclusion(_ prefix: IPPrefix) -> String {
    // A prefix of no bits compares nothing, which nft refuses.
    prefix.length == 0
      ? "meta nfproto \(prefix.isIPv6 ? "ipv6" : "ipv4") return"
      : "\(prefix.family) daddr \(prefix.with(prefix.network)) return"
  }

  private func chain(_ hook: String, _ rules: [String]) -> String {
    "  chain \(hook) {\n    type nat hook \(hook) priority -100\n" + rules.map { "    \($0)\n" }.joined() + "  }\n"
  }
}

extension NetworkConfiguration {
  fileprivate func port(_ key: String) throws(Failure) -> Int? {
    guard let port = try int(key) else { return nil }
    guard (1...65535).contains(port) else { throw Self.notPorts(key) }
    return port
  }

  fileprivate func ports(_ key: String) throws(Failure) -> [Int] {
    guard let value = object[key], value != .null else { return [] }
    let ports = value.array?.compactMap(\.int).filter { (1...65535).contains($0) } ?? []
    guard ports.count == value.array?.count else { throw Self.notPorts(key) }
    return ports
  }

  private static func notPorts(_ key: String) -> Failure {
    Failure(code: .invalidConfiguration, message: "configuration key \"\(key)\" has what is no port")
  }
}
