package import JSON

/// What Envoy is started with to be a sidecar: it hands each HTTP request to where the client meant it to go, and says
/// in the answer that it did.
///
/// Nothing in it needs DNS, files, a control plane or an administration port.
package struct EnvoyConfiguration: Sendable {
  /// Whether connections from outside reach it as they are, as with TPROXY, and the application sees the client; else
  /// they come by address translation, and the application sees a loopback address. What the pod's own processes open
  /// comes by address translation anyway.
  package let isTransparent: Bool

  package init(isTransparent: Bool) {
    self.isTransparent = isTransparent
  }

  /// The header that each Envoy on the way adds to the answer: `inbound 10.9.0.2:8080` says that it came through the
  /// inbound listener, by a connection that was meant for that destination.
  package static let pathHeader = "x-envoy-path"

  /// Where Envoy listens, in both families.
  package static let outboundPort: UInt16 = 15001
  package static let inboundPort: UInt16 = 15006

  /// What tells the proxy's connections to the application from the application's own.
  private static let mark = 1337

  /// The bootstrap.
  ///
  /// Source: `envoy.config.bootstrap.v3.Bootstrap`.
  package var json: JSONValue {
    [
      "static_resources": [
        "listeners": [
          listener("outbound", Self.outboundPort, isTransparent: false),
          listener("inbound", Self.inboundPort, isTransparent: isTransparent),
        ],
        "clusters": [
          cluster("outbound", upstreamBinding: nil),
          cluster("inbound", upstreamBinding: isTransparent ? nil : loopbackBinding),
        ],
      ]
    ]
  }

  private func listener(_ name: String, _ port: UInt16, isTransparent: Bool) -> JSONValue {
    var filters: [JSONValue] = [
      extensionFilter("envoy.filters.listener.original_dst", "listener.original_dst.v3.OriginalDst", [:])
    ]
    if isTransparent {
      // It binds connections to the application to the client's address. The answers to these have that address as
      // their destination, and come back because the kernel knows the mark.
      filters.append(
        extensionFilter(
          "envoy.filters.listener.original_src", "listener.original_src.v3.OriginalSrc",
          ["mark": .number(JSONNumber(Self.mark))]))
    }
    return [
      "name": .string(name),
      "address": socketAddress("0.0.0.0", port),
      "additional_addresses": [["address": socketAddress("::", port)]],
      "transparent": .bool(isTransparent),
      "listener_filters": .array(filters),
      "filter_chains": [["filters": [connectionManager(name)]]],
    ]
  }

  private func connectionManager(_ name: String) -> JSONValue {
    let router = extensionFilter("envoy.filters.http.router", "http.router.v3.Router", [:])
    let route: JSONValue = ["match": ["prefix": "/"], "route": ["cluster": .string(name), "timeout": "5s"]]
    let path: JSONValue = [
      "header": ["key": .string(Self.pathHeader), "value": "\(name) %DOWNSTREAM_LOCAL_ADDRESS%"],
      "append_action": "APPEND_IF_EXISTS_OR_ADD",
    ]
    return extensionFilter(
      "envoy.filters.network.http_connection_manager",
      "network.http_connection_manager.v3.HttpConnectionManager",
      [
        "stat_prefix": .string(name), "http_filters": [router],
        "route_config": [
          "virtual_hosts": [["name": "all", "domains": ["*"], "routes": [route]]],
          "response_headers_to_add": [path],
        ],
      ])
  }

  /// Connects to the destination that the client asked for.
  private func cluster(_ name: String, upstreamBinding: JSONValue?) -> JSONValue {
    var cluster: JSONObject = [
      "name": .string(name), "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "connect_timeout": "5s",
    ]
    cluster["upstream_bind_config"] = upstreamBinding
    return .object(cluster)
  }

  /// The sources of connections to the application, of which Envoy takes the one of the destination's family.
  private var loopbackBinding: JSONValue {
    [
      "source_address": ["address": "127.0.0.6", "port_value": 0],
      "extra_source_addresses": [["address": ["address": "::6", "port_value": 0]]],
    ]
  }

  private func extensionFilter(_ name: String, _ type: String, _ settings: JSONObject) -> JSONValue {
    var configuration: JSONObject = ["@type": "type.googleapis.com/envoy.extensions.filters.\(type)"]
    for member in settings.members { configuration[member.key] = member.value }
    return ["name": .string(name), "typed_config": .object(configuration)]
  }

  private func socketAddress(_ address: String, _ port: UInt16) -> JSONValue {
    ["socket_address": ["address": .string(address), "port_value": .number(JSONNumber(Int(port)))]]
  }
}
