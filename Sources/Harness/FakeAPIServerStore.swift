import JSON

/// The objects of a cluster, and what became of them, as etcd keeps it.
struct FakeAPIServerStore {
  struct Key: Hashable {
    let apiVersion: String
    let plural: String
    let namespace: String?
    let name: String
  }

  /// One change of one object; `former` and `current` are nil where there was, or is, none.
  struct Change {
    let revision: Int
    let key: Key
    let former: JSONValue?
    let current: JSONValue?
  }

  private(set) var revision = 1000
  /// Watches from before this one cannot be continued.
  private(set) var oldestRevision = 0
  private(set) var objects: [Key: JSONValue] = [:]
  private(set) var history: [Change] = []
  private var pages: [String: Page] = [:]
  private var uidCount = 0

  /// The rest of a list that was begun.
  private struct Page {
    let revision: Int
    let rest: ArraySlice<JSONValue>
  }

  /// What a list answers.
  struct Listing {
    let revision: Int
    let items: [JSONValue]
    let next: String?
    let remainingCount: Int
  }

  // MARK: Changes

  /// Stores an object under the next revision.
  @discardableResult
  mutating func put(_ object: JSONValue, at key: Key) -> Change {
    revision += 1
    let change = Change(
      revision: revision, key: key, former: objects[key], current: Self.versioned(object, revision))
    objects[key] = change.current
    history.append(change)
    return change
  }

  /// Gives an object an identity of its own if it has none, as a server does that creates it.
  mutating func identified(_ object: JSONValue) -> JSONValue {
    guard case .object(var root) = object, case .object(var metadata) = root["metadata"] ?? [:],
      metadata["uid"] == nil
    else { return object }
    uidCount += 1
    let digits = String(uidCount)
    metadata["uid"] = .string("5d0c3f8e-1c5b-4a3c-9f0e-\(String(repeating: "0", count: 12 - digits.count))\(digits)")
    root["metadata"] = .object(metadata)
    return .object(root)
  }

  /// Removes an object; nil if there is none.
  mutating func remove(_ key: Key) -> Change? {
    guard let former = objects.removeValue(forKey: key) else { return nil }
    revision += 1
    let change = Change(revision: revision, key: key, former: Self.versioned(former, revision), current: nil)
    history.append(change)
    return change
  }

  /// Forgets how the objects came to be what they are: nothing that was begun before can be continued.
  mutating func expire() {
    revision += 1
    oldestRevision = revision
    history = []
    pages = [:]
  }

  private static func versioned(_ object: JSONValue, _ revision: Int) -> JSONValue {
    guard case .object(var root) = object, case .object(var metadata) = root["metadata"] else { return object }
    metadata["resourceVersion"] = .string(String(revision))
    root["metadata"] = .object(metadata)
    return .object(root)
  }

  // MARK: Lists

  /// The objects that a selection matches, in the order of their names.
  func objects(_ selection: FakeAPISelection) -> [JSONValue] {
    objects.filter { selection.matches($0.key, $0.value) }
      .sorted { ($0.key.namespace ?? "", $0.key.name) < ($1.key.namespace ?? "", $1.key.name) }
      .map(\.value)
  }

  /// A page of a list; nil if the token to continue with is too old.
  ///
  /// - Parameters:
  ///   - limit: the most items; nil is all.
  ///   - token: what an earlier page named to go on with.
  mutating func list(_ selection: FakeAPISelection, limit: Int?, continuing token: String?) -> Listing? {
    let page: Page
    if let token {
      guard let found = pages[token] else { return nil }
      page = found
    } else {
      // Lists of a type leave out what all their items have in common.
      let items = objects(selection).map { item in
        guard case .object(var members) = item else { return item }
        members["kind"] = nil
        members["apiVersion"] = nil
        return .object(members)
      }
      page = Page(revision: revision, rest: items[...])
    }
    let items = page.rest.prefix(limit ?? page.rest.count)
    let rest = page.rest.dropFirst(items.count)
    var next: String?
    if !rest.isEmpty {
      let name = "\(page.revision)-\(rest.startIndex)-\(pages.count)"
      pages[name] = Page(revision: page.revision, rest: rest)
      next = name
    }
    return Listing(revision: page.revision, items: Array(items), next: next, remainingCount: rest.count)
  }
}

/// Which objects a list or a watch is about.
struct FakeAPISelection: Sendable {
  let apiVersion: String
  let plural: String
  let namespace: String?
  let fields: [(key: String, value: String)]

  func covers(_ key: FakeAPIServerStore.Key) -> Bool {
    key.apiVersion == apiVersion && key.plural == plural && (namespace == nil || key.namespace == namespace)
  }

  func matches(_ key: FakeAPIServerStore.Key, _ object: JSONValue) -> Bool {
    covers(key)
      && fields.allSatisfy { field in
        switch field.key {
        case "metadata.name": key.name == field.value
        case "metadata.namespace": key.namespace == field.value
        default: (object["spec"]?["nodeName"]?.string ?? "") == field.value
        }
      }
  }

  /// What a watch says of a change: an object that begins to match is added, one that ceases to is deleted.
  func event(of change: FakeAPIServerStore.Change) -> JSONValue? {
    let wasMatched = change.former.map { matches(change.key, $0) } ?? false
    let isMatched = change.current.map { matches(change.key, $0) } ?? false
    guard wasMatched || isMatched, let object = change.current ?? change.former else { return nil }
    let type = isMatched ? (wasMatched ? "MODIFIED" : "ADDED") : "DELETED"
    return ["type": .string(type), "object": object]
  }
}
