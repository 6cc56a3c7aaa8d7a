import Harness
import JSON
import Kubernetes
import MeshPod
import NodeAgent
import Redirect
import TestKit
import Testing

@Suite struct PodCacheTests {
  private static let question = PodQuestion(namespace: "shop", name: "cart", uid: "7f3c")
  private static let pod = PodTemplate.pod(.classicSidecar, name: "cart", uid: "7f3c")

  @Test("what is kept of a pod leads to the same decision and warnings as all of it", arguments: podFixtures)
  func summary(name: String) throws {
    let json = try fixture("pods/\(name)/pod.json")
    let summary = try #require(PodEntry(json).summary)
    let all = PodFacts(try PodObject(json: json))
    let kept = PodFacts(try PodObject(json: try JSONValue(parsing: summary)))
    let decision = try Decision(all)
    #expect(try Decision(kept) == decision)
    if case .redirect(let policy) = decision { #expect(PodWarning.all(kept, policy) == PodWarning.all(all, policy)) }
    #expect(summary.count < 4096)
  }

  static let podFixtures = [
    "classic-sidecar", "native-sidecar", "gateway", "proxyless-grpc", "job-with-sidecar", "host-network", "istio-init",
    "istio-validation", "no-sidecar", "interception-none", "static-mirror", "pod-security-context", "inject-disabled",
    "tproxy",
  ]

  @Test("a pod is known by namespace, name and UID, or without the last if nobody told it")
  func known() throws {
    let cache = PodCache()
    cache.put(PodEntry(Self.pod))
    #expect(cache.summary(for: Self.question) != nil)
    #expect(cache.summary(for: PodQuestion(namespace: "shop", name: "cart", uid: "")) != nil)
    #expect(cache.summary(for: PodQuestion(namespace: "shop", name: "cart", uid: "other")) == nil)
    #expect(cache.summary(for: PodQuestion(namespace: "shop", name: "basket", uid: "7f3c")) == nil)
    #expect(cache.summary(for: PodQuestion(namespace: "mall", name: "cart", uid: "7f3c")) == nil)
  }

  @Test("a static pod is known by the UID that the runtime has")
  func staticPod() throws {
    let cache = PodCache()
    let pod = try PodObject(json: try fixture("pods/static-mirror/pod.json"))
    cache.put(PodEntry(try fixture("pods/static-mirror/pod.json")))
    let hash = try #require(pod.annotations["kubernetes.io/config.hash"])
    #expect(cache.summary(for: PodQuestion(namespace: pod.namespace, name: pod.name, uid: hash)) != nil)
  }

  @Test("a pod that was replaced, removed, or is in no list any more is not what it was")
  func changes() throws {
    let cache = PodCache()
    cache.put(PodEntry(Self.pod))
    cache.put(PodEntry(PodTemplate.pod(.noSidecar, name: "cart", uid: "new")))
    #expect(cache.summary(for: Self.question) == nil)
    // What is told late of the one that was replaced takes nothing away.
    cache.remove(PodEntry(Self.pod))
    #expect(cache.count == 1)
    let other = PodEntry(PodTemplate.pod(.noSidecar, name: "other", uid: "8a"))
    cache.replace(with: [other])
    #expect(cache.count == 1)
    cache.remove(other)
    #expect(cache.count == 0)
  }

  @Test("who follows the pods is told of every change, and of many at once")
  func following() async {
    let cache = PodCache()
    var changes = cache.changes().makeAsyncIterator()
    await changes.next()
    #expect(cache.all == nil)
    cache.put(PodEntry(Self.pod))
    cache.replace(with: [PodEntry(Self.pod)])
    await changes.next()
    #expect(cache.all?.map(\.key) == ["shop/cart"])
    cache.remove(PodEntry(Self.pod))
    await changes.next()
    #expect(cache.all?.isEmpty == true)
  }

  @Test("a pod's addresses are those of both families, and on the node's network it has none of its own")
  func addresses() {
    func addresses(_ spec: JSONValue, _ status: JSONValue) -> [String] {
      PodEntry(["metadata": ["namespace": "shop", "name": "cart"], "spec": spec, "status": status]).addresses
    }
    let both: JSONValue = ["podIP": "192.0.2.7", "podIPs": [["ip": "192.0.2.7"], ["ip": "2001:db8::7"]]]
    #expect(addresses([:], both) == ["192.0.2.7", "2001:db8::7"])
    #expect(addresses([:], ["podIP": "192.0.2.7"]) == ["192.0.2.7"])
    #expect(addresses([:], [:]) == [])
    #expect(addresses(["hostNetwork": true], both) == [])
  }

  @Test("a pod that has ended, or was told to, is ending", arguments: ["Succeeded", "Failed", "Running", "Pending"])
  func ending(phase: String) {
    let pod: JSONValue = ["metadata": ["namespace": "shop", "name": "cart"], "status": ["phase": .string(phase)]]
    #expect(PodEntry(pod).isEnding == ["Succeeded", "Failed"].contains(phase))
    let deleted: JSONValue = [
      "metadata": ["namespace": "shop", "name": "cart", "deletionTimestamp": "2026-01-01T00:00:00Z"]
    ]
    #expect(PodEntry(deleted).isEnding)
  }

  @Test("of a pod that nobody could decide on there is no summary")
  func broken() {
    let cache = PodCache()
    cache.put(PodEntry(["metadata": ["namespace": "shop", "name": "cart", "uid": "7f3c"], "spec": ["containers": 5]]))
    #expect(cache.summary(for: Self.question) == nil)
  }
}
