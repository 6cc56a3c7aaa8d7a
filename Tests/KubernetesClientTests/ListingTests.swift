import Harness
import JSON
import KubernetesClient
import Testing

@Suite("A list", .timeLimit(.minutes(3)))
struct ListingTests {
  private func names(_ scene: ClientScene, _ collection: ObjectCollection) async throws -> [String] {
    try await scene.client.list(collection) { $0["metadata"]?["name"]?.string ?? "" }.items
  }

  @Test("comes page by page, and says from where to watch")
  func pages() async throws {
    let scene = try ClientScene()
    for number in 1...7 { scene.server.put(object: Objects.pod("pod-\(number)", on: "node-a")) }
    let listing = try await scene.client.list(ObjectCollection(.pods, pageSize: 3)) {
      $0["metadata"]?["name"]?.string ?? ""
    }
    #expect(listing.items == (1...7).map { "pod-\($0)" })
    #expect(listing.resourceVersion == "1007")
    #expect(scene.server.requests("GET", to: "/api/v1/pods?limit=3").count == 3)
  }

  @Test("begins anew when its pages become too old meanwhile")
  func expiredPages() async throws {
    let scene = try ClientScene()
    for number in 1...5 { scene.server.put(object: Objects.pod("pod-\(number)", on: "node-a")) }
    scene.server.script([.normal, .status(410)])
    #expect(try await names(scene, ObjectCollection(.pods, pageSize: 2)) == (1...5).map { "pod-\($0)" })
    #expect(scene.server.requestCount == 5)
  }

  @Test("is given up when its pages become too old again and again")
  func alwaysExpired() async throws {
    let scene = try ClientScene()
    scene.server.setBehaviour(.status(410))
    let error = try await scene.failure { () throws(APIError) in
      try await scene.client.list(ObjectCollection(.pods)) { _ in 0 }
    }
    #expect(error.code == .expired)
    #expect(error.message == "cannot list pods")
    #expect(scene.server.requestCount == 3)
  }

  @Test("from a server's memory comes in one piece")
  func remembered() async throws {
    let scene = try ClientScene()
    for number in 1...5 { scene.server.put(object: Objects.pod("pod-\(number)", on: number > 2 ? "node-a" : nil)) }
    let collection = ObjectCollection(
      .pods, fieldSelector: "spec.nodeName=node-a", freshness: .remembered, pageSize: 2)
    #expect(try await names(scene, collection) == ["pod-3", "pod-4", "pod-5"])
    #expect(
      scene.server.requests.map(\.path)
        == ["/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-a&limit=2&resourceVersion=0"])
  }

  @Test("of objects that are in no namespace, or in one, asks for just those")
  func scopes() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap())
    scene.server.put(object: Objects.configMap(name: "other"))
    #expect(try await names(scene, ObjectCollection(.configMaps, namespace: "istio-system")).count == 2)
    #expect(try await names(scene, ObjectCollection(only: Objects.configMapPath)) == ["istio-cni-config"])
    #expect(try await names(scene, ObjectCollection(.configMaps, namespace: "elsewhere")).isEmpty)
    #expect(try await names(scene, ObjectCollection(.nodes)).isEmpty)
  }

  @Test("is taken apart rightly, whatever its objects hold")
  func oddities() async throws {
    let scene = try ClientScene()
    let odd: JSONObject = [
      "items": #"[{"a": "]}"#, "quotes": #"\" \\"#, "brackets": "[[{{", "newline": "\n\t", "empty": "", "ü": "日本",
    ]
    scene.server.put(object: Objects.configMap(odd))
    let data = try await scene.client.list(ObjectCollection(.configMaps)) { $0["data"] }.items
    #expect(data == [.object(odd)])
  }

  @Test("is asked for again when it is cut", arguments: [FakeAPIServer.Behaviour.truncated, .reset, .status(503)])
  func cut(_ behaviour: FakeAPIServer.Behaviour) async throws {
    let scene = try ClientScene()
    for number in 1...5 { scene.server.put(object: Objects.pod("pod-\(number)", on: "node-a")) }
    scene.server.script([.normal, behaviour])
    #expect(try await names(scene, ObjectCollection(.pods, pageSize: 2)).count == 5)
  }

  @Test("is no list if it is some other object")
  func noList() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.configMap())
    let path = APIResource(apiVersion: "v1", kind: "ConfigMap", plural: "configmaps/istio-cni-config")
    let error = try await scene.failure { () throws(APIError) in
      try await scene.client.list(ObjectCollection(path, namespace: "istio-system")) { _ in 0 }
    }
    #expect(error.cause == "\(scene.server.authority) answered 200 with a body that is no list")
  }
}
