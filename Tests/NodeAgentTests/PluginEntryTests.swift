import CNI
import JSON
import MeshPod
import Netfilter
import NodeAgent
import Redirect
import Testing

@Suite struct PluginEntryTests {
  @Test("the plugin reads from the entry what was set")
  func plugin() throws {
    let settings = try AgentSettings(
      flags: [:], configMap: [:],
      environment: [
        "EXCLUDE_NAMESPACES": "a,b", "POD_NAMESPACE": "istio-system", "CNI_AGENT_RUN_DIR": "/run/agent",
        "LOG_LEVEL": "error", "REDIRECT_BACKEND": "iptables", "DEADLINE_SECONDS": "20", "DNS_CAPTURE": "servers",
        "PROXY_OUTBOUND_PORT": "16001", "PROXY_INBOUND_PORT": "16006", "PROXY_TUNNEL_PORT": "16008",
        "PROXY_DNS_PORT": "16053", "OUTBOUND_OWNER_GROUPS": "*", "OUTBOUND_OWNER_GROUPS_EXCLUDE": "10,11",
        "OUTBOUND_IPV4_LOOPBACK_CIDR": "127.0.0.0/8", "NATIVE_NFTABLES": "true",
      ])
    var object = settings.entry.object
    object["cniVersion"] = "1.0.0"
    object["name"] = "network"
    let text = Array(JSONValue.object(object).text().utf8)
    let read = try PluginConfiguration(NetworkConfiguration(parsing: text))
    #expect(read.logLevel.word == "error")
    #expect(read.runDirectory?.path == "/run/agent")
    #expect(read.excludedNamespaces == ["a", "b"])
    #expect(read.agentNamespace == "istio-system")
    #expect(read.backend.rawValue == "iptables")
    #expect(read.deadline == .seconds(20))
    #expect(read.policyDefaults.dnsScope.rawValue == "servers")
    #expect(read.policyDefaults.ports.outbound.rawValue == 16001)
    #expect(read.policyDefaults.ports.inbound.rawValue == 16006)
    #expect(read.policyDefaults.ports.tunnel.rawValue == 16008)
    #expect(read.policyDefaults.ports.dns.rawValue == 16053)
    #expect(read.policyDefaults.ownerGroups == .all(except: [10, 11].map { .init($0) }))
    #expect(read.policyDefaults.loopback.description == "127.0.0.0/8")
  }
}
