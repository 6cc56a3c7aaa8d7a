import JSON
import Kubernetes
import TestKit
import Testing

@Suite("A pod of the API server")
struct PodObjectTests {
  private static func pod(_ name: String) throws -> PodObject {
    try PodObject(json: fixture("pods/\(name)/pod.json"))
  }

  private static func proxy(of pod: PodObject) throws -> PodObject.Container {
    try #require((pod.initContainers + pod.containers).last { $0.name == "istio-proxy" })
  }

  @Test("with a sidecar beside its application")
  func classicSidecar() throws {
    let pod = try Self.pod("classic-sidecar")
    #expect(pod.namespace == "shop")
    #expect(pod.name == "cart-7d9f6c5b84-k2xqn")
    #expect(pod.uid.utf8.count == 36)
    #expect(pod.labels["app"] == "cart")
    #expect(pod.annotations["traffic.sidecar.istio.io/excludeOutboundPorts"] == "5432,6379")
    #expect(!pod.hostNetwork)
    #expect(pod.initContainers.map(\.name) == ["istio-validation"])
    #expect(pod.containers.map(\.name) == ["cart", "istio-proxy"])
    let proxy = try Self.proxy(of: pod)
    #expect(proxy.args.prefix(2) == ["proxy", "sidecar"])
    #expect(proxy.securityContext == .init(runAsUser: 1337, runAsGroup: 1337))
    #expect(proxy.env.first { $0.name == "ISTIO_META_DNS_CAPTURE" }?.value == "false")
    let address = try #require(proxy.env.first { $0.name == "INSTANCE_IP" })
    #expect(address == .init(name: "INSTANCE_IP", value: nil, isFromSource: true))
  }

  @Test("with DNS servers of its own")
  func nameservers() throws {
    let text =
      #"{"metadata":{"namespace":"shop","name":"cart","uid":"7f3c"},"#
      + #""spec":{"containers":[{"name":"app"}],"dnsConfig":{"nameservers":["192.0.2.53","fd00::53"]}}}"#
    #expect(try PodObject(json: JSONValue(parsing: Array(text.utf8))).nameservers == ["192.0.2.53", "fd00::53"])
    #expect(try Self.pod("classic-sidecar").nameservers == [])
  }

  @Test("with a sidecar among its init containers")
  func nativeSidecar() throws {
    let pod = try Self.pod("native-sidecar")
    #expect(pod.initContainers.map(\.name) == ["istio-validation", "istio-proxy"])
    #expect(pod.initContainers.map(\.restartPolicy) == [nil, "Always"])
    #expect(pod.containers.map(\.name) == ["checkout"])
  }

  @Test("that is a gateway")
  func gateway() throws {
    #expect(try Self.proxy(of: Self.pod("gateway")).args.prefix(2) == ["proxy", "router"])
  }

  @Test("that speaks gRPC without a proxy")
  func proxyless() throws {
    let proxy = try Self.proxy(of: Self.pod("proxyless-grpc"))
    #expect(proxy.env.first { $0.name == "DISABLE_ENVOY" }?.value == "true")
  }

  @Test("of a job")
  func job() throws {
    let pod = try Self.pod("job-with-sidecar")
    #expect(pod.labels["job-name"] == "invoice-export-29310480")
    #expect(pod.initContainers.last?.restartPolicy == "Always")
  }

  @Test("on the node's network")
  func hostNetwork() throws {
    #expect(try Self.pod("host-network").hostNetwork)
  }

  @Test("that programs itself")
  func istioInit() throws {
    let container = try #require(try Self.pod("istio-init").initContainers.first)
    #expect(container.name == "istio-init")
    #expect(container.securityContext == .init(runAsUser: 0, runAsGroup: 0))
    #expect(!container.args.contains("--skip-rule-apply"))
  }

  @Test("that checks what the plugin did")
  func validation() throws {
    let pod = try Self.pod("istio-validation")
    #expect(pod.initContainers.map(\.name) == ["istio-validation", "migrate"])
    #expect(pod.initContainers.first?.args.suffix(3).contains("--skip-rule-apply") == true)
    let capture = try #require(Self.proxy(of: pod).env.first { $0.name == "ISTIO_META_DNS_CAPTURE" })
    #expect(capture.isFromSource && capture.value == nil)
  }

  @Test("without a sidecar")
  func noSidecar() throws {
    let pod = try Self.pod("no-sidecar")
    #expect(pod.containers.map(\.name) == ["report"])
    #expect(pod.annotations["sidecar.istio.io/status"] == nil)
    #expect(pod.containers.first?.securityContext == .init(runAsUser: nil, runAsGroup: nil))
  }

  @Test("that wants no interception")
  func noInterception() throws {
    let pod = try Self.pod("interception-none")
    #expect(pod.annotations["sidecar.istio.io/interceptionMode"] == "NONE")
    #expect(pod.initContainers.isEmpty)
  }

  @Test("with a transparent proxy")
  func transparentProxy() throws {
    let pod = try Self.pod("tproxy")
    #expect(pod.annotations["sidecar.istio.io/interceptionMode"] == "TPROXY")
    #expect(try Self.proxy(of: pod).securityContext == .init(runAsUser: 0, runAsGroup: 1337))
  }

  @Test("that mirrors a static one is known by two UIDs")
  func staticMirror() throws {
    let pod = try Self.pod("static-mirror")
    #expect(pod.isKnown(byUID: "4be1f0c27a6d93b85e0f1d2c3b4a5968"))
    #expect(pod.isKnown(byUID: pod.uid))
    #expect(!pod.isKnown(byUID: ""))
  }

  @Test("whose user is set for all containers")
  func podSecurityContext() throws {
    let pod = try Self.pod("pod-security-context")
    #expect(pod.securityContext == .init(runAsUser: 1500, runAsGroup: 2000))
    #expect(try Self.proxy(of: pod).securityContext == .init(runAsUser: nil, runAsGroup: nil))
  }

  @Test("that is excluded by its label")
  func injectDisabled() throws {
    #expect(try Self.pod("inject-disabled").labels["sidecar.istio.io/inject"] == "false")
  }

  @Test("may hold null wherever a field may be absent")
  func nulls() throws {
    let pod = try PodObject(
      json: [
        "kind": nil, "metadata": ["name": "a", "namespace": "b", "uid": "c", "labels": nil, "annotations": nil],
        "spec": [
          "hostNetwork": nil, "securityContext": nil, "initContainers": nil,
          "containers": [["name": "d", "args": nil, "env": [["name": "E", "value": nil, "valueFrom": nil]]]],
        ],
      ])
    #expect(pod.containers.first?.env == [.init(name: "E", value: nil, isFromSource: false)])
  }

  private static func broken(_ pointer: [String], _ value: JSONValue?) -> JSONValue {
    var root: JSONObject = [
      "kind": "Pod", "metadata": ["name": "cart", "namespace": "shop", "uid": "u"],
      "spec": ["containers": [["name": "app"]]],
    ]
    func set(_ object: inout JSONObject, _ path: ArraySlice<String>) {
      guard let key = path.first else { return }
      if path.count == 1 {
        object[key] = value
      } else {
        var inner = object[key]?.object ?? [:]
        set(&inner, path.dropFirst())
        object[key] = .object(inner)
      }
    }
    set(&root, pointer[...])
    return .object(root)
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let path: [String]
    let value: JSONValue?
    let cause: String

    init(_ path: String, _ value: JSONValue?, _ cause: String) {
      self.path = path.split(separator: "/").map { String($0) }
      self.value = value
      self.cause = cause
    }

    var testDescription: String { cause }
  }

  @Test(
    "with a field of the wrong type is refused by the field's path",
    arguments: [
      Fault("kind", "Status", "kind is \"Status\", not \"Pod\""),
      Fault("kind", 1, "kind is not a string but a JSON number"),
      Fault("metadata", nil, "metadata.namespace is missing"),
      Fault("metadata", "x", "metadata is not an object but a JSON string"),
      Fault("metadata/name", "", "metadata.name is missing"),
      Fault("metadata/uid", nil, "metadata.uid is missing"),
      Fault("metadata/uid", true, "metadata.uid is not a string but a JSON boolean"),
      Fault("metadata/labels", [], "metadata.labels is not an object but a JSON array"),
      Fault("metadata/annotations", ["a/b": 1], "metadata.annotations[a/b] is not a string"),
      Fault("spec", nil, "spec.containers is missing"),
      Fault("spec", 1, "spec is not an object but a JSON number"),
      Fault("spec/hostNetwork", "true", "spec.hostNetwork is not a boolean but a JSON string"),
      Fault(
        "spec/securityContext", ["runAsUser": "0"],
        "spec.securityContext.runAsUser is not a 64-bit integer but a JSON string"),
      Fault("spec/containers", [], "spec.containers is missing"),
      Fault("spec/containers", [:], "spec.containers is not an array but a JSON object"),
      Fault("spec/containers", [[:]], "spec.containers[0].name is missing"),
      Fault("spec/containers", ["app"], "spec.containers[0] is not an object but a JSON string"),
      Fault(
        "spec/containers", [["name": "a", "args": "proxy"]],
        "spec.containers[0].args is not an array but a JSON string"),
      Fault(
        "spec/containers", [["name": "a", "args": ["proxy", 1]]],
        "spec.containers[0].args[1] is not a string but a JSON number"),
      Fault(
        "spec/containers", [["name": "a"], ["name": "b", "env": [["name": "E", "value": 1]]]],
        "spec.containers[1].env[0].value is not a string but a JSON number"),
      Fault(
        "spec/containers", [["name": "a", "env": [["value": "v"]]]], "spec.containers[0].env[0].name is missing"),
      Fault(
        "spec/initContainers", [["name": "a", "restartPolicy": false]],
        "spec.initContainers[0].restartPolicy is not a string but a JSON boolean"),
    ])
  func faults(_ fault: Fault) throws {
    let error = #expect(throws: KubernetesError.self) {
      try PodObject(json: Self.broken(fault.path, fault.value))
    }
    #expect(error?.cause == fault.cause)
    #expect(error?.code == .invalidObject)
    #expect(error?.retryHelps == false)
  }

  @Test("is refused when a user id has a fraction or is beyond 64 bits", arguments: ["0.5", "9223372036854775808"])
  func userIDs(_ spelling: String) throws {
    let text = """
      {"metadata":{"name":"cart","namespace":"shop","uid":"u"},
       "spec":{"containers":[{"name":"a","securityContext":{"runAsGroup":\(spelling)}}]}}
      """
    let json = try JSONValue(parsing: Array(text.utf8))
    let error = #expect(throws: KubernetesError.self) { try PodObject(json: json) }
    #expect(error?.message == "cannot decode pod shop/cart")
    #expect(
      error?.cause == "spec.containers[0].securityContext.runAsGroup is not a 64-bit integer but a JSON number")
  }

  @Test("that is no object at all is refused")
  func noObject() {
    let error = #expect(throws: KubernetesError.self) { try PodObject(json: "x") }
    #expect(error?.description.hasPrefix("cannot decode pod ?/?: the object is not an object") == true)
  }
}
