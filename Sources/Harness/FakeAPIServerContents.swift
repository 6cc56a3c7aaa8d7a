import JSON

/// All that the server knows: its objects, who watches them, and how it is to treat whom.
struct FakeAPIServerContents {
  var token: String
  var behaviour = FakeAPIServer.Behaviour.normal
  var scripted: [FakeAPIServer.Behaviour] = []
  var store = FakeAPIServerStore()
  var watches: [FakeWatch] = []
  var requests: [FakeAPIServer.Request] = []
  var connectionCount = 0

  /// Tells a change to all who watch.
  func announce(_ change: FakeAPIServerStore.Change) {
    for watch in watches {
      if let event = watch.selection.event(of: change) { watch.send(event) }
    }
  }
}

// MARK: - Answers

extension FakeAPIServerContents {
  /// What a server in good health answers to a request that is no watch.
  mutating func answer(
    to request: FakeAPIServer.Request, _ path: FakeAPIPath, _ fields: [(key: String, value: String)]
  ) -> FakeAPIServerAnswer {
    // What is no JSON has no member that any of these looks for.
    let body = (try? JSONValue(parsing: request.body)) ?? .null
    guard let name = path.name else {
      return switch request.method {
      case "GET": list(request, path, fields)
      case "POST": create(body, request, path)
      default: .status(405, request.path)
      }
    }
    let key = FakeAPIServerStore.Key(
      apiVersion: path.apiVersion, plural: path.plural, namespace: path.namespace, name: name)
    guard let object = store.objects[key], path.subresource ?? "status" == "status" else {
      return .status(404, request.path)
    }
    switch request.method {
    case "GET": return .object(object)
    case "PATCH":
      guard request.headers["content-type"] == "application/merge-patch+json", case .object(let patch) = body,
        case .object(let members) = object
      else { return .status(415, request.path) }
      if let conflict = conflict(object, patch["metadata"], request) { return conflict }
      let change = store.put(.object(members.patched(with: patch.confined(to: path.subresource))), at: key)
      announce(change)
      return .object(change.current ?? .null)
    case "DELETE" where path.subresource == nil:
      if let conflict = conflict(object, body["preconditions"], request) { return conflict }
      if let change = store.remove(key) { announce(change) }
      return .object(["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success"])
    default: return .status(405, request.path)
    }
  }

  private mutating func list(
    _ request: FakeAPIServer.Request, _ path: FakeAPIPath, _ fields: [(key: String, value: String)]
  ) -> FakeAPIServerAnswer {
    let selection = FakeAPISelection(
      apiVersion: path.apiVersion, plural: path.plural, namespace: path.namespace, fields: fields)
    // What comes out of an API server's memory comes in one piece.
    let limit = path.query["resourceVersion"] == "0" ? nil : path.query["limit"].flatMap { Int($0) }
    guard let listing = store.list(selection, limit: limit, continuing: path.query["continue"]) else {
      return .status(410, request.path, message: "The provided continue parameter is too old")
    }
    var metadata: JSONObject = ["resourceVersion": .string(String(listing.revision))]
    if let next = listing.next {
      metadata["continue"] = .string(next)
      metadata["remainingItemCount"] = .number(JSONNumber(listing.remainingCount))
    }
    let kind = store.objects(selection).first?["kind"]?.string ?? ""
    return .object([
      "kind": .string("\(kind)List"), "apiVersion": .string(path.apiVersion), "metadata": .object(metadata),
      "items": .array(listing.items),
    ])
  }

  private mutating func create(
    _ object: JSONValue, _ request: FakeAPIServer.Request, _ path: FakeAPIPath
  ) -> FakeAPIServerAnswer {
    guard let metadata = object["metadata"], let name = metadata["name"]?.string,
      metadata["namespace"]?.string ?? path.namespace == path.namespace
    else { return .status(422, request.path, message: "metadata.name: Required value") }
    let key = FakeAPIServerStore.Key(
      apiVersion: path.apiVersion, plural: path.plural, namespace: path.namespace, name: name)
    guard store.objects[key] == nil else {
      return .status(409, "\(request.path)/\(name)")
    }
    let change = store.put(store.identified(object), at: key)
    announce(change)
    return .object(change.current ?? .null, status: 201)
  }

  /// An answer if the object is not the one that `expected` describes.
  private func conflict(
    _ object: JSONValue, _ expected: JSONValue?, _ request: FakeAPIServer.Request
  ) -> FakeAPIServerAnswer? {
    for member in ["uid", "resourceVersion"] {
      guard let wanted = expected?[member]?.string, let found = object["metadata"]?[member]?.string, wanted != found
      else { continue }
      return .status(
        409, request.path, reason: "Conflict",
        message: "the \(member) in the precondition (\(wanted)) does not match the \(member) in record (\(found))")
    }
    return nil
  }
}

extension JSONObject {
  /// What of a patch counts: by way of the status everything but `spec`, and otherwise everything but `status`.
  ///
  /// Source: Kubernetes, `PrepareForUpdate` of podStatusStrategy and podStrategy in pkg/registry/core/pod/strategy.go.
  fileprivate func confined(to subresource: String?) -> JSONObject {
    var patch = self
    patch[subresource == nil ? "status" : "spec"] = nil
    return patch
  }
}
