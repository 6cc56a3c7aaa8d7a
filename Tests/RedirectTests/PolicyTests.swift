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
      (Annotation.interceptionMode, "TPROXY", "\"TPROXY\" is not supported yet"),
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
      (Annotation.excludeInterfaces, "eth1", "\"eth1\" is not supported yet"),
      (Annotation.rerouteVirtualInterfaces, "tap0", "\"tap0\" is not supported yet"),
      (Annotation.kubevirtInterfaces, "tap0", "\"tap0\" is not supported yet"),
    ])
  func refused(key: String, value: String, problem: String) {
    let error = #expect(throws: PolicyError.self) { try Self.policy([key: value]) }
    #expect(error?.description == "annotation \(key): \(problem)")
    #expect(error?.advice.isEmpty == false)
  }

  @Test("environment and security context are named like annotations")
  func refusedElsewhere() {
    let dns = #expect(throws: PolicyError.self) {
      try Policy(DecisionTests.changed { $0.containers[1].environment["ISTIO_META_DNS_CAPTURE"] = "true" })
    }
    #expect(dns?.description == "env ISTIO_META_DNS_CAPTURE of istio-proxy: \"true\" is not supported yet")
    let user = #expect(throws: PolicyError.self) {
      try Policy(DecisionTests.changed { $0.containers[1].runAsUser = -5 })
    }
    #expect(user?.description == "securityContext.runAsUser of istio-proxy: \"-5\" is not a user or group id")
  }

  @Test("a long value is shortened")
  func longValue() {
    let error = #expect(throws: PolicyError.self) {
      try Self.policy([Annotation.includeInboundPorts: String(repeating: "x", count: 5000)])
    }
    #expect((error?.description.utf8.count ?? 0) < 140)
  }
}
