import Redirect
import Testing

@Suite struct PolicyTests {
  static func policy(_ annotations: [String: String]) throws -> Policy {
    try Policy(DecisionTests.changed { $0.annotations.merge(annotations) { $1 } })
  }

  @Test("absent annotations give Istio's defaults")
  func defaults() throws {
    #expect(
      try Self.policy([:])
        == Policy(
          inbound: .all(except: PortSet(Port(15020), Port(15021), Port(15090))), outbound: .all,
          excludedOutboundPorts: PortSet(Port(15020))))
  }

  @Test(
    "inbound ports",
    arguments: [
      ("*", nil, Policy.Inbound.all(except: PortSet(Port(15020), Port(15021), Port(15090)))),
      (
        " * ", "3306, 8000-8010",
        .all(
          except: PortSet([
            Port(3306)...Port(3306), Port(8000)...Port(8010), Port(15020)...Port(15021), Port(15090)...Port(15090),
          ]))
      ),
      ("*", "", .all(except: PortSet(Port(15020), Port(15021), Port(15090)))),
      ("", nil, .only(PortSet())),
      ("8080,9090", "8080", .only(PortSet(Port(8080), Port(9090)))),
    ] as [(String, String?, Policy.Inbound)])
  func inbound(include: String, exclude: String?, expected: Policy.Inbound) throws {
    var annotations = [Annotation.includeInboundPorts: include]
    annotations[Annotation.excludeInboundPorts] = exclude
    #expect(try Self.policy(annotations).inbound == expected)
  }

  @Test(
    "outbound ranges",
    arguments: [
      ("*", Policy.Destinations.all), ("", .only([])),
      ("10.9.9.9/8, fd00::/8", .only(["10.0.0.0/8", "fd00::/8"].compactMap { CIDR($0) })),
    ])
  func outbound(text: String, expected: Policy.Destinations) throws {
    #expect(try Self.policy([Annotation.includeOutboundIPRanges: text]).outbound == expected)
  }

  @Test("an empty exclusion list excludes nothing")
  func emptyExclusion() throws {
    #expect(try Self.policy([Annotation.excludeOutboundPorts: ""]).excludedOutboundPorts == PortSet())
  }

  @Test(
    "the proxy's identity is its container's, else the pod's, else 1337; root counts as unset",
    arguments: [
      (nil, nil, 1337), (2000, nil, 2000), (nil, 3000, 3000), (2000, 3000, 2000), (0, 3000, 1337), (0, nil, 1337),
      (nil, 0, 1337),
    ] as [(Int64?, Int64?, UInt32)])
  func identity(container: Int64?, pod: Int64?, expected: UInt32) throws {
    let policy = try Policy(
      DecisionTests.changed {
        $0.containers[1].runAsUser = container
        $0.containers[1].runAsGroup = container
        $0.runAsUser = pod
        $0.runAsGroup = pod
      })
    #expect(policy.proxyUser == UserID(expected))
    #expect(policy.proxyGroup == GroupID(expected))
  }

  @Test(
    "a setting that cannot be honoured names itself, its value and what is wrong",
    arguments: [
      (Annotation.interceptionMode, "redirect", "\"redirect\" is not REDIRECT, TPROXY or NONE"),
      (Annotation.interceptionMode, "", "\"\" is not REDIRECT, TPROXY or NONE"),
      (Annotation.includeOutboundIPRanges, "10.0.0.0", "\"10.0.0.0\" is not an address prefix"),
      (Annotation.includeOutboundIPRanges, "*,10.0.0.0/8", "\"*\" is not an address prefix"),
      (Annotation.includeOutboundIPRanges, "10.0.0.0/8,", "\"\" is not an address prefix"),
      (Annotation.excludeOutboundIPRanges, "*", "\"*\" would exclude everything"),
      (Annotation.excludeOutboundIPRanges, "fe80::1%eth0/64", "\"fe80::1%eth0/64\" is not an address prefix"),
      (Annotation.includeInboundPorts, "http", "\"http\" is not a port"),
      (Annotation.includeInboundPorts, "80,*", "\"*\" is not a port"),
      (Annotation.excludeInboundPorts, "*", "\"*\" is not a port"),
      (Annotation.excludeInboundPorts, "80,,81", "\"\" is not a port"),
      (Annotation.includeOutboundPorts, "65536", "\"65536\" is not a port"),
      (Annotation.includeOutboundPorts, "+80", "\"+80\" is not a port"),
      (Annotation.excludeOutboundPorts, "80-70", "\"80-70\" is not a port range"),
      (Annotation.excludeOutboundPorts, "-1", "\"-1\" is not a port range"),
      (Annotation.excludeOutboundPorts, "1-2-3", "\"1-2-3\" is not a port range"),
      (Annotation.includeOutboundPorts, "*", "\"*\" is not a port"),
      (Annotation.excludeOutboundPorts, "*", "\"*\" is not a port"),
      (Annotation.excludeOutboundPorts, "80,", "\"\" is not a port"),
      (Annotation.excludeInterfaces, "eth1,", "\"\" is not an interface name"),
      (Annotation.excludeInterfaces, "eth+", "\"eth+\" is not an interface name"),
      (Annotation.excludeInterfaces, "a\" accept", "\"a\" accept\" is not an interface name"),
      (Annotation.rerouteVirtualInterfaces, "sixteencharacter", "\"sixteencharacter\" is not an interface name"),
      (Annotation.kubevirtInterfaces, "..", "\"..\" is not an interface name"),
    ])
  func refused(key: String, value: String, problem: String) {
    let error = #expect(throws: PolicyError.self) { try Self.policy([key: value]) }
    #expect(error?.description == "annotation \(key): \(problem)")
    #expect(error?.advice.isEmpty == false)
  }

  static func policy(env: [String: String], defaults: PolicyDefaults = PolicyDefaults()) throws -> Policy {
    try Policy(DecisionTests.changed { $0.containers[1].environment = env }, defaults: defaults)
  }

  @Test(
    "environment and security context are named like annotations",
    arguments: [
      (ProxyVariable.ownerGroups, "root", "\"root\" is not a group id"),
      (ProxyVariable.ownerGroups, "1,,2", "\"\" is not a group id"),
      (ProxyVariable.excludedOwnerGroups, "4294967295", "\"4294967295\" is not a group id"),
      (ProxyVariable.loopback, "10.0.0.0/8", "\"10.0.0.0/8\" is not a prefix of 127.0.0.0/8"),
      (ProxyVariable.loopback, "127.0.0.0/7", "\"127.0.0.0/7\" is not a prefix of 127.0.0.0/8"),
      (ProxyVariable.loopback, "::1/128", "\"::1/128\" is not a prefix of 127.0.0.0/8"),
      (ProxyVariable.loopback, "", "\"\" is not a prefix of 127.0.0.0/8"),
    ])
  func refusedElsewhere(name: String, value: String, problem: String) {
    let error = #expect(throws: PolicyError.self) { try Self.policy(env: [name: value]) }
    #expect(error?.description == "env \(name) of istio-proxy: \(problem)")
    #expect(error?.advice.isEmpty == false)
  }

  @Test("a user id that is none is refused")
  func refusedUser() {
    let user = #expect(throws: PolicyError.self) {
      try Policy(DecisionTests.changed { $0.containers[1].runAsUser = -5 })
    }
    #expect(user?.description == "securityContext.runAsUser of istio-proxy: \"-5\" is not a user or group id")
  }

  @Test("TPROXY, interfaces and invalid segments are read")
  func otherKnobs() throws {
    let policy = try Self.policy([
      Annotation.interceptionMode: "TPROXY", Annotation.excludeInterfaces: " eth1, net0,eth1 ",
      Annotation.rerouteVirtualInterfaces: "", Annotation.kubevirtInterfaces: "tap0",
    ])
    #expect(policy.mode == .tproxy)
    #expect(policy.excludedInterfaces == ["eth1", "net0"])
    #expect(policy.reroutedInterfaces == [])
    #expect(try Self.policy([Annotation.kubevirtInterfaces: "tap0"]).reroutedInterfaces == ["tap0"])
    #expect(try Self.policy(env: [ProxyVariable.invalidDrop: "T"]).dropsInvalid)
    #expect(try !Self.policy(env: [ProxyVariable.invalidDrop: "yes"]).dropsInvalid)
  }

  @Test(
    "owner groups: the pod's lists replace the network's, and an exclusion counts only beside *",
    arguments: [
      ([:], Policy.OwnerGroups.all(except: [GroupID(7)])),
      ([ProxyVariable.ownerGroups: "*"], .all(except: [])),
      ([ProxyVariable.ownerGroups: ""], .only([])),
      (
        [ProxyVariable.ownerGroups: "1, 2,1", ProxyVariable.excludedOwnerGroups: "3"], .only([GroupID(1), GroupID(2)])
      ),
      ([ProxyVariable.excludedOwnerGroups: "3"], .all(except: [GroupID(3)])),
    ] as [([String: String], Policy.OwnerGroups)])
  func ownerGroups(env: [String: String], expected: Policy.OwnerGroups) throws {
    var defaults = PolicyDefaults()
    defaults.ownerGroups = .all(except: [GroupID(7)])
    #expect(try Self.policy(env: env, defaults: defaults).ownerGroups == expected)
  }

  @Test(
    "DNS is captured where the pod asks for it, in the scope that the network allows",
    arguments: [
      ("false", PolicyDefaults.DNSScope.all, [], Policy.DNSCapture.off), ("maybe", .all, [], .off),
      ("true", .all, [], .all), ("1", .servers, ["10.96.0.10"], .servers(addresses("10.96.0.10", "198.51.100.53"))),
      ("true", .servers, [], .servers(addresses("198.51.100.53"))),
    ] as [(String, PolicyDefaults.DNSScope, [String], Policy.DNSCapture)])
  func dns(value: String, scope: PolicyDefaults.DNSScope, servers: [String], expected: Policy.DNSCapture) throws {
    var defaults = PolicyDefaults()
    defaults.dnsScope = scope
    defaults.nameservers = servers.compactMap { IPAddress($0) }
    var pod = DecisionTests.changed { $0.containers[1].environment = [ProxyVariable.dnsCapture: value] }
    pod.nameservers = Self.addresses("198.51.100.53")
    #expect(try Policy(pod, defaults: defaults).dns == expected)
  }

  static func addresses(_ texts: String...) -> [IPAddress] { texts.compactMap { IPAddress($0) } }

  @Test("the network's ports and loopback hold, unless the pod has its own")
  func networkDefaults() throws {
    var defaults = PolicyDefaults()
    defaults.ports.outbound = Port(16001)
    defaults.loopback = CIDR(IPAddress(.v4, 0x7f00_0000), prefixLength: 8)
    #expect(try Self.policy(env: [:], defaults: defaults).ports.outbound == Port(16001))
    #expect(try Self.policy(env: [:], defaults: defaults).loopback.description == "127.0.0.0/8")
    let own = try Self.policy(env: [ProxyVariable.loopback: "127.0.0.4/30"], defaults: defaults)
    #expect(own.loopback.description == "127.0.0.4/30")
  }

  @Test("a long value is shortened")
  func longValue() {
    let error = #expect(throws: PolicyError.self) {
      try Self.policy([Annotation.includeInboundPorts: String(repeating: "x", count: 5000)])
    }
    #expect((error?.description.utf8.count ?? 0) < 140)
  }
}
