package import CNI
import JSON
package import Redirect

extension PolicyDefaults {
  /// Reads the keys that hold for every pod, under our own names: Istio's plugin has none for them.
  ///
  /// - Throws: code 7 for a key of a wrong type or value.
  package init(_ configuration: NetworkConfiguration) throws(Failure) {
    self.init()
    if let text = try configuration.string("dns_capture") {
      guard let scope = DNSScope(rawValue: text) else {
        throw Failure(
          code: .invalidConfiguration,
          message: "configuration key \"dns_capture\": \"\(text.prefix(40))\" is not a scope",
          details: "use one of: \(DNSScope.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      dnsScope = scope
    }
    ports.outbound = try configuration.port("proxy_outbound_port") ?? ports.outbound
    ports.inbound = try configuration.port("proxy_inbound_port") ?? ports.inbound
    ports.tunnel = try configuration.port("proxy_tunnel_port") ?? ports.tunnel
    ports.dns = try configuration.port("proxy_dns_port") ?? ports.dns

    let include = try configuration.setting("outbound_owner_groups")
    let exclude = try configuration.setting("outbound_owner_groups_exclude")
    let loopback = try configuration.setting("outbound_ipv4_loopback_cidr")
    do throws(PolicyError) {
      ownerGroups = try Policy.OwnerGroups(include: include, exclude: exclude)
      if let loopback { self.loopback = try loopback.loopback() }
    } catch {
      throw Failure(code: .invalidConfiguration, message: error.description, details: error.advice)
    }

    // What the runtime was told by kubelet, where our entry declares the capability `dns`.
    nameservers = (configuration.runtimeConfig?["dns"]?["servers"]?.array ?? [])
      .compactMap { $0.string.flatMap { IPAddress($0) } }
  }
}

extension NetworkConfiguration {
  fileprivate func port(_ key: String) throws(Failure) -> Port? {
    guard let number = try int(key) else { return nil }
    guard let port = UInt16(exactly: number), port > 0 else {
      throw Failure(
        code: .invalidConfiguration, message: "configuration key \"\(key)\": \(number) is not a port",
        details: "use a number from 1 to 65535")
    }
    return Port(port)
  }

  fileprivate func setting(_ key: String) throws(Failure) -> Setting? {
    try string(key).map { Setting("configuration key \"\(key)\"", $0) }
  }
}
