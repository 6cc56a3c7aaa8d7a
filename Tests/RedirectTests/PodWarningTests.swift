import Redirect
import Testing

@Suite struct PodWarningTests {
  static func warnings(
    defaults: PolicyDefaults = PolicyDefaults(), _ change: (inout PodFacts) -> Void
  ) throws -> [String] {
    let pod = DecisionTests.changed(change)
    return PodWarning.all(pod, try Policy(pod, defaults: defaults)).map(\.description)
  }

  @Test("an ordinary pod has none, and neither have the injector's own containers")
  func none() throws {
    let injected = PodFacts.Container(name: "istio-validation", runAsUser: 1337)
    #expect(try Self.warnings { $0.containers.insert(injected, at: 0) } == [])
  }

  @Test("settings whose values are not in the pod object are named")
  func unreadable() throws {
    let warnings = try Self.warnings {
      $0.containers[1].unreadableVariables = ["INSTANCE_IP", ProxyVariable.dnsCapture, ProxyVariable.ownerGroups]
    }
    #expect(
      warnings == [
        "taken for unset, since the value is not in the pod object: ISTIO_META_DNS_CAPTURE, ISTIO_OUTBOUND_OWNER_GROUPS"
      ])
  }

  @Test("a switch that is neither on nor off counts as off, and is told")
  func notABoolean() throws {
    let warnings = try Self.warnings { $0.containers[1].environment = [ProxyVariable.dnsCapture: "yes", "X": "yes"] }
    #expect(
      warnings == ["taken for false: env ISTIO_META_DNS_CAPTURE of istio-proxy: \"yes\" is not a boolean"])
  }

  @Test("an application that runs as the proxy's user is named, whether by its own context or the pod's")
  func sharedIdentity() throws {
    let text = "not redirected, since it runs as the proxy's user 1337: container app"
    #expect(try Self.warnings { $0.containers[0].runAsUser = 1337 } == [text])
    #expect(try Self.warnings { $0.runAsUser = 1337 } == [text])
    #expect(
      try Self.warnings {
        $0.containers[1].runAsUser = 2000; $0.containers[0].runAsUser = 1337
      } == [])
  }

  @Test("DNS capture that has no server to capture is told")
  func noNameservers() throws {
    var defaults = PolicyDefaults()
    defaults.dnsScope = .servers
    let warnings = try Self.warnings(defaults: defaults) {
      $0.containers[1].environment = [ProxyVariable.dnsCapture: "true"]
    }
    #expect(warnings == ["DNS is not captured: dns_capture is \"servers\", and no DNS server of the pod is known"])
  }
}
