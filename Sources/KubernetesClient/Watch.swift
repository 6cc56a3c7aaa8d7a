import AsyncHTTPClient
import JSON
import NIOCore
import Synchronization

/// What happened to an object of a collection.
enum WatchEvent<Item: Sendable>: Sendable {
  case put(Item)
  case removed(Item)
}

/// From where a watch continues when its connection ends.
final class WatchPosition: Sendable {
  private let contents: Mutex<(version: String, eventCount: Int)>

  init(_ version: String) {
    contents = Mutex((version, 0))
  }

  var version: String { contents.withLock { $0.version } }
  /// With bookmarks.
  var eventCount: Int { contents.withLock { $0.eventCount } }

  func advance(to version: String) {
    contents.withLock { $0 = (version, $0.eventCount + 1) }
  }
}

extension APIClient {
  /// Watches a collection over one connection, until the server ends that in good order or it says nothing any more.
  ///
  /// - Parameters:
  ///   - position: behind the last event that was delivered; it advances with each.
  ///   - deliver: called for one event after the other.
  /// - Throws: `expired` if the position is too old, so that the collection has to be listed again.
  func watch<Item: Sendable>(
    _ collection: ObjectCollection, from position: WatchPosition, decode: @escaping @Sendable (JSONValue) -> Item,
    deliver: @escaping @Sendable (WatchEvent<Item>) -> Void
  ) async throws(APIError) {
    let request = APIRequest(
      operation: .watch, object: collection.description,
      target: collection.target([
        ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", position.version),
        ("timeoutSeconds", String(Int.random(in: pacing.watchSeconds))),
      ]))
    // Attempts are paced by whoever watches.
    let limits = Limits(call: pacing.attemptLimit, attempt: pacing.attemptLimit, retries: false)
    let (response, meaning) = try await perform(request, within: limits) { ($0, $1) }
    let life = SignOfLife()
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask {
          var splitter = LineSplitter()
          for try await part in response.body {
            life.renew()
            for line in try splitter.take(part.readableBytesView) {
              let event = try parse(line, meaning)
              guard let object = event["object"], let type = event["type"]?.string else {
                throw meaning.malformed("is no watch event")
              }
              if type == "ERROR" { throw meaning.error(inWatch: object) }
              guard let version = object["metadata"]?["resourceVersion"]?.string else {
                throw meaning.malformed("holds an object without a version")
              }
              switch type {
              case "ADDED", "MODIFIED": deliver(.put(decode(object)))
              case "DELETED": deliver(.removed(decode(object)))
              // A bookmark, or what a later version of Kubernetes may add.
              default: break
              }
              position.advance(to: version)
            }
          }
        }
        group.addTask { [pacing] in
          try await life.silence(of: pacing.silenceLimit)
        }
        try await group.next()
      }
    } catch is ListSplitter.TooLong {
      throw meaning.malformed("is longer than any object can be")
    } catch {
      throw meaning.error(of: error, limit: pacing.silenceLimit)
    }
  }
}
