import Harness
import JSON
import KubernetesClient
import Synchronization
import TestKit
import Testing

@Suite("A reflector", .timeLimit(.minutes(3)))
struct ReflectorTests {
  private static let pods = ObjectCollection(.pods, fieldSelector: "spec.nodeName=node-a")
  private static let lists = "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-a&limit"
  private static let watches = "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-a&watch=true"

  /// Names of pods, and what happens to them, in the words of a test.
  private struct Follower: ~Copyable {
    private var changes: AsyncStream<Reflector<String>.Change>.Iterator

    init(_ scene: ClientScene, _ collection: ObjectCollection = pods) {
      let reflector = Reflector(scene.client, collection) { $0["metadata"]?["name"]?.string ?? "" }
      changes = reflector.changes().makeAsyncIterator()
    }

    mutating func next() async -> String {
      switch await changes.next(isolation: #isolation) {
      case .replaced(let names): "all: \(names.joined(separator: " "))"
      case .put(let name): "put \(name)"
      case .removed(let name): "removed \(name)"
      case .interrupted(let error): "interrupted: \(error)"
      case nil: "the end"
      }
    }

    /// Claims what comes next.
    mutating func expect(
      _ expected: String, afterAnyInterruption: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
    ) async {
      var change = await next()
      while afterAnyInterruption, change.hasPrefix("interrupted") { change = await next() }
      #expect(change.hasPrefix(expected), sourceLocation: sourceLocation)
    }
  }

  @Test("tells of all objects first, and then of every change")
  func changes() async throws {
    let scene = try ClientScene()
    scene.server.put(object: Objects.pod("cart", on: "node-a"))
    scene.server.put(object: Objects.pod("elsewhere", on: "node-b"))
    var follower = Follower(scene)
    await follower.expect("all: cart")
    scene.server.put(object: Objects.pod("till", on: "node-a"))
    await follower.expect("put till")
    scene.server.put(object: Objects.pod("cart", on: "node-a"))
    await follower.expect("put cart")
    scene.server.put(object: Objects.pod("till", on: "node-b"))
    await follower.expect("removed till")
    scene.server.remove(kind: "Pod", namespace: "shop", name: "cart")
    await follower.expect("removed cart")
    #expect(scene.server.requests("GET", to: Self.lists).count == 1)
    #expect(scene.server.requests("GET", to: Self.watches).count == 1)
  }

  @Test("asks for bookmarks, and for an end at a time of its own")
  func request() async throws {
    let scene = try ClientScene { $0.watchSeconds = 300...302 }
    var follower = Follower(scene)
    await follower.expect("all: ")
    try await eventually { scene.server.watchCount == 1 }
    let path = try #require(scene.server.requests("GET", to: Self.watches).first?.path)
    let seconds = [300, 301, 302].filter {
      path == "\(Self.watches)&allowWatchBookmarks=true&resourceVersion=1000&timeoutSeconds=\($0)"
    }
    #expect(seconds.count == 1)
  }

  @Test("misses nothing that happens while the server is away", arguments: [true, false])
  func outage(_ isClean: Bool) async throws {
    let scene = try ClientScene()
    var follower = Follower(scene)
    await follower.expect("all: ")
    try await eventually { scene.server.watchCount == 1 }
    scene.server.setBehaviour(.status(503))
    if isClean { scene.server.endWatches() } else { scene.server.cutWatches() }
    scene.server.put(object: Objects.pod("cart", on: "node-a"))
    scene.server.put(object: Objects.pod("till", on: "node-a"))
    scene.server.remove(kind: "Pod", namespace: "shop", name: "cart")
    await follower.expect("interrupted: cannot watch pods with spec.nodeName=node-a")
    scene.server.setBehaviour(.normal)
    await follower.expect("put cart", afterAnyInterruption: true)
    await follower.expect("put till")
    await follower.expect("removed cart")
    #expect(scene.server.requests("GET", to: Self.lists).count == 1)
  }

  @Test(
    "goes on where it was after each way a watch can end",
    arguments: [
      "end", "cut", "error", "truncated", "reset", "html", "silence", "redirect",
    ])
  func ends(_ way: String) async throws {
    let scene = try ClientScene { $0.silenceLimit = way == "silence" ? .milliseconds(200) : .seconds(60) }
    var follower = Follower(scene)
    await follower.expect("all: ")
    try await eventually { scene.server.watchCount == 1 }
    switch way {
    case "end": scene.server.endWatches()
    case "cut": scene.server.cutWatches()
    case "error": scene.server.failWatches(500)
    case "silence": break
    default:
      let behaviours: [String: FakeAPIServer.Behaviour] = [
        "truncated": .truncated, "reset": .reset, "html": .html200, "redirect": .redirect(to: "/"),
      ]
      scene.server.script([try #require(behaviours[way])])
      scene.server.endWatches()
    }
    try await eventually { scene.server.requests("GET", to: Self.watches).count > 1 }
    scene.server.put(object: Objects.pod("cart", on: "node-a"))
    await follower.expect("put cart", afterAnyInterruption: true)
    #expect(scene.server.requests("GET", to: Self.lists).count == 1)
  }

  @Test("lists again when the past is forgotten", arguments: ["in the watch", "while it was away", "by status"])
  func expired(_ way: String) async throws {
    let scene = try ClientScene()
    var follower = Follower(scene)
    await follower.expect("all: ")
    try await eventually { scene.server.watchCount == 1 }
    if way == "while it was away" { scene.server.setBehaviour(.status(503)) }
    if way == "by status" { scene.server.script([.status(410)]) }
    if way == "in the watch" { scene.server.failWatches(410) } else { scene.server.cutWatches() }
    if way == "while it was away" {
      scene.server.put(object: Objects.pod("cart", on: "node-a"))
      scene.server.expireHistory()
      scene.server.setBehaviour(.normal)
      await follower.expect("all: cart", afterAnyInterruption: true)
    } else {
      await follower.expect("all: ", afterAnyInterruption: true)
      scene.server.put(object: Objects.pod("cart", on: "node-a"))
      await follower.expect("put cart", afterAnyInterruption: true)
    }
    #expect(scene.server.requests("GET", to: Self.lists).count == 2)
  }

  @Test("goes on from the last bookmark, so that a quiet collection does not grow old")
  func bookmarks() async throws {
    let scene = try ClientScene()
    var follower = Follower(scene)
    await follower.expect("all: ")
    try await eventually { scene.server.watchCount == 1 }
    for number in 1...5 { scene.server.put(object: Objects.pod("elsewhere-\(number)", on: "node-b")) }
    scene.server.sendBookmarks()
    // A bookmark tells nothing to wait for; the event behind it does.
    scene.server.put(object: Objects.pod("cart", on: "node-a"))
    await follower.expect("put cart")
    scene.server.put(object: Objects.pod("elsewhere-6", on: "node-b"))
    scene.server.sendBookmarks()
    scene.server.endWatches()
    try await eventually { scene.server.requests("GET", to: Self.watches).count == 2 }
    #expect(scene.server.requests("GET", to: Self.watches).last?.path.contains("resourceVersion=1007&") == true)
  }

  @Test("tells that it cannot begin, and begins when it can")
  func lateStart() async throws {
    let scene = try ClientScene {
      $0.callLimit = .zero; $0.pageLimit = .seconds(2)
    }
    scene.server.put(object: Objects.pod("cart", on: "node-a"))
    scene.server.setBehaviour(.status(403))
    var follower = Follower(scene)
    await follower.expect("interrupted: cannot list pods with spec.nodeName=node-a")
    scene.server.setBehaviour(.normal)
    await follower.expect("all: cart", afterAnyInterruption: true)
  }

  @Test("lists from memory at first, and from the database when that was too old")
  func freshness() async throws {
    let scene = try ClientScene()
    let collection = ObjectCollection(.pods, fieldSelector: "spec.nodeName=node-a", freshness: .remembered)
    var follower = Follower(scene, collection)
    await follower.expect("all: ")
    try await eventually { scene.server.watchCount == 1 }
    scene.server.failWatches(410)
    await follower.expect("all: ", afterAnyInterruption: true)
    #expect(
      scene.server.requests("GET", to: Self.lists).map { $0.path.contains("resourceVersion=0") } == [true, false])
  }

  @Test("does not ask a server all the time that ends every watch at once")
  func backsOff() async throws {
    let scene = try ClientScene {
      $0.firstDelay = .milliseconds(100); $0.longestDelay = .seconds(30)
    }
    scene.server.setBehaviour(.html200)
    var follower = Follower(scene)
    let start = ContinuousClock.now
    for _ in 1...3 { _ = await follower.next() }
    #expect(ContinuousClock.now - start >= .milliseconds(225))
  }

  @Test("lets go of its connection when nobody reads on")
  func cancellation() async throws {
    let scene = try ClientScene()
    let reader = Task {
      var follower = Follower(scene)
      while await follower.next() != "the end" {}
    }
    try await eventually { scene.server.watchCount == 1 }
    reader.cancel()
    await reader.value
    try await eventually { scene.server.watchCount == 0 }
  }
}
