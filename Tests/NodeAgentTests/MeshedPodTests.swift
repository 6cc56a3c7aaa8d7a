import CNI
import Harness
import JSON
import MeshPod
import Netfilter
import NodeAgent
import Redirect
import Testing

@Suite struct MeshedPodTests {
  static func configuration(_ keys: JSONObject = [:]) throws -> PluginConfiguration {
    var object: JSONObject = ["cniVersion": "1.1.0", "name": "mesh", "pod_namespace": "istio-system"]
    for member in keys.members { object[member.key] = member.value }
    return try PluginConfiguration(NetworkConfiguration(parsing: JSONValue.object(object).serialized()))
  }

  static func pod(
    _ kind: PodTemplate.Kind = .classicSidecar, annotations: JSONObject = [:], spec keys: JSONObject = [:],
    addresses: [String] = ["10.88.0.2", "fd00::2"], phase: String = "Running"
  ) -> PodEntry {
    var pod = PodTemplate.pod(kind, name: "cart", uid: "7f3c", annotations: annotations).object ?? [:]
    var spec = pod["spec"]?.object ?? [:]
    for member in keys.members { spec[member.key] = member.value }
    pod["spec"] = .object(spec)
    pod["status"] = ["phase": .string(phase), "podIPs": .array(addresses.map { ["ip": .string($0)] })]
    return PodEntry(.object(pod))
  }

  static func record(uid: String = "7f3c", namespace: String = "shop", addresses: [String] = []) throws
    -> MeshedPod.Recorded
  {
    let policy = try Policy(PodFacts(namespace: "shop", name: "cart"))
    return MeshedPod.Recorded(
      key: AttachmentRecords.Key(network: "mesh", containerID: "c0ffee", interfaceName: "eth0"),
      record: AttachmentRecord(
        PodName(namespace: namespace, name: "cart", uid: uid), policy, hasIPv6: true, Ruleset(policy, hasIPv6: true),
        NftablesBackend(), addresses: addresses))
  }

  @Test("a pod that an ADD would redirect should be redirected so")
  func decided() throws {
    let pods = MeshedPod.all(among: [Self.pod()], [], try Self.configuration())
    let pod = try #require(pods.first)
    #expect(pod.name == PodName(namespace: "shop", name: "cart", uid: "7f3c"))
    #expect(pod.addresses.map(\.description).sorted() == ["10.88.0.2", "fd00::2"])
    guard case .decided(let policy) = pod.wish else { return #expect(Bool(false), "\(pod.wish)") }
    #expect(policy.mode == .redirect)
    #expect(policy.proxyUser == UserID(1337))
  }

  @Test(
    "a pod that an ADD would leave alone, or that has no network of its own, or that ends, is none",
    arguments: [
      pod(.noSidecar), pod(.gateway), pod(annotations: ["sidecar.istio.io/interceptionMode": "NONE"]),
      pod(spec: ["hostNetwork": true]), pod(addresses: []), pod(phase: "Succeeded"), pod(phase: "Failed"),
    ])
  func skipped(entry: PodEntry) throws {
    #expect(MeshedPod.all(among: [entry], [], try Self.configuration()).isEmpty)
  }

  @Test("a pod of an excluded namespace is none, unless it was redirected before")
  func excluded() throws {
    let configuration = try Self.configuration(["exclude_namespaces": ["shop"]])
    #expect(MeshedPod.all(among: [Self.pod()], [], configuration).isEmpty)
    #expect(MeshedPod.all(among: [Self.pod()], [try Self.record()], configuration).map(\.wish) == [.recorded])
  }

  @Test("what an ADD has recorded counts before what the pod says by now")
  func recorded() throws {
    let pods = MeshedPod.all(among: [Self.pod(.noSidecar)], [try Self.record()], try Self.configuration())
    #expect(pods.map(\.wish) == [.recorded])
    #expect(pods.first?.records == [try Self.record()])
  }

  @Test("a record of another pod of that name is not this pod's; one without a UID is")
  func otherUID() throws {
    let configuration = try Self.configuration()
    let pods = MeshedPod.all(among: [Self.pod()], [try Self.record(uid: "other")], configuration)
    #expect(pods.first?.records.isEmpty == true)
    #expect(MeshedPod.all(among: [Self.pod()], [try Self.record(uid: "")], configuration).map(\.wish) == [.recorded])
  }

  @Test("a pod that an ADD would refuse is told with the reason")
  func refused() throws {
    let entry = Self.pod(annotations: ["traffic.sidecar.istio.io/excludeOutboundPorts": "80-70"])
    let pods = MeshedPod.all(among: [entry], [], try Self.configuration())
    guard case .undecided(let reason) = pods.first?.wish else { return #expect(Bool(false), "\(pods)") }
    #expect(reason.contains("80-70"))
  }

  @Test("where the node's pods are not known, records tell of them, a pod's together")
  func recordsAlone() throws {
    let pods = MeshedPod.all(of: [
      try Self.record(addresses: ["10.88.0.2"]), try Self.record(addresses: ["10.88.0.2", "fd00::2"]),
      try Self.record(uid: "8a1b"), try Self.record(uid: "9c2d", namespace: "istio-cni-self-test"),
    ])
    #expect(pods.map(\.records.count).sorted() == [1, 2])
    #expect(pods.first { $0.records.count == 2 }?.addresses.count == 2)
    #expect(pods.first { $0.records.count == 1 }?.addresses.isEmpty == true)
  }
}
