import JSON
import Synchronization

/// What the server's connections and its owner share.
final class FakeAPIServerState: Sendable {
  /// How to answer a request.
  enum Reply {
    case answer(FakeAPIServerAnswer)
    case watch(FakeAPIPath, fields: [(key: String, value: String)])
  }

  private let contents: Mutex<FakeAPIServerContents>

  init(token: String) {
    contents = Mutex(FakeAPIServerContents(token: token))
  }

  func setToken(_ token: String) {
    contents.withLock { $0.token = token }
  }

  func setBehaviour(_ behaviour: FakeAPIServer.Behaviour) {
    contents.withLock { $0.behaviour = behaviour }
  }

  func script(_ behaviours: [FakeAPIServer.Behaviour]) {
    contents.withLock { $0.scripted = behaviours }
  }

  var requests: [FakeAPIServer.Request] {
    contents.withLock { $0.requests }
  }

  var connectionCount: Int { contents.withLock { $0.connectionCount } }

  func countConnection() {
    contents.withLock { $0.connectionCount += 1 }
  }

  /// Remembers a request and tells how to treat it.
  func record(_ request: FakeAPIServer.Request) -> FakeAPIServer.Behaviour {
    contents.withLock { contents in
      contents.requests.append(request)
      return contents.scripted.isEmpty ? contents.behaviour : contents.scripted.removeFirst()
    }
  }

  // MARK: Objects

  /// - Parameter isCreated: whether the object gets an identity of its own if it has none.
  func put(_ object: JSONValue, at key: FakeAPIServerStore.Key, isCreated: Bool) {
    contents.withLock { contents in
      let object = isCreated ? contents.store.identified(object) : object
      contents.announce(contents.store.put(object, at: key))
    }
  }

  func remove(_ key: FakeAPIServerStore.Key) {
    contents.withLock { contents in
      if let change = contents.store.remove(key) { contents.announce(change) }
    }
  }

  func object(_ key: FakeAPIServerStore.Key) -> JSONValue? {
    contents.withLock { $0.store.objects[key] }
  }

  func objects(_ selection: FakeAPISelection) -> [JSONValue] {
    contents.withLock { $0.store.objects(selection) }
  }

  func expire() {
    contents.withLock { $0.store.expire() }
  }

  // MARK: Watches

  /// Opens a watch: what has changed since the revision that it continues from, and all that changes from now on.
  func open(_ watch: FakeWatch, from path: FakeAPIPath) {
    contents.withLock { contents in
      watch.begin()
      guard let revision = path.query["resourceVersion"].flatMap({ Int($0) }), revision > 0 else {
        for object in contents.store.objects(watch.selection) { watch.send(["type": "ADDED", "object": object]) }
        contents.watches.append(watch)
        return
      }
      guard revision >= contents.store.oldestRevision else {
        watch.send(["type": "ERROR", "object": FakeAPIServerAnswer.statusObject(410, path)])
        watch.end()
        return
      }
      for change in contents.store.history where change.revision > revision {
        if let event = watch.selection.event(of: change) { watch.send(event) }
      }
      contents.watches.append(watch)
    }
  }

  func close(_ watch: FakeWatch) {
    contents.withLock { $0.watches.removeAll { $0 === watch } }
  }

  var watchCount: Int { contents.withLock { $0.watches.count } }

  /// Does something with every open watch.
  ///
  /// - Parameter closing: whether they are over after it.
  func withWatches(closing: Bool = false, _ body: (FakeWatch, _ revision: Int) -> Void) {
    contents.withLock { contents in
      for watch in contents.watches { body(watch, contents.store.revision) }
      if closing { contents.watches = [] }
    }
  }

  // MARK: Answers

  /// What a server in good health answers.
  ///
  /// - Parameter expectedToken: instead of the set one.
  func reply(
    to request: FakeAPIServer.Request, authorization: String?, expectedToken: String? = nil
  ) -> Reply {
    contents.withLock { contents in
      guard authorization == "Bearer \(expectedToken ?? contents.token)" else {
        return .answer(.status(401, request.path))
      }
      guard let path = FakeAPIPath(request.path) else { return .answer(.status(404, request.path)) }
      guard let fields = path.fields else {
        return .answer(.status(400, request.path, message: "field label not supported"))
      }
      if path.isWatch { return .watch(path, fields: fields) }
      return .answer(contents.answer(to: request, path, fields))
    }
  }
}
