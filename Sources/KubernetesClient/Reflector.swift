package import JSON
import Kubernetes

/// Follows the objects of a collection: lists them, watches them, and does so again whenever something comes in between.
///
/// No change is lost: a watch that ends is continued where it ended, and when that is not possible any more, everything
/// is listed again.
package struct Reflector<Item: Sendable>: Sendable {
  package enum Change: Sendable {
    /// These are all objects there are.
    case replaced([Item])
    /// The object is new, or another than before.
    case put(Item)
    /// The object is gone; this is its last state.
    case removed(Item)
    /// Changes may be late from here on, until the next one comes.
    case interrupted(APIError)
  }

  private let client: APIClient
  private let collection: ObjectCollection
  private let decode: @Sendable (JSONValue) -> Item

  /// - Parameter decode: makes of each object what is to be kept of it.
  package init(
    _ client: APIClient, _ collection: ObjectCollection, decode: @escaping @Sendable (JSONValue) -> Item
  ) {
    self.client = client
    self.collection = collection
    self.decode = decode
  }

  /// The changes, from the first list on. They end when the task that reads them is cancelled, or stops reading.
  package func changes() -> AsyncStream<Change> {
    let (stream, continuation) = AsyncStream.makeStream(of: Change.self)
    let following = Task { await follow { continuation.yield($0) } }
    continuation.onTermination = { _ in following.cancel() }
    return stream
  }

  private func follow(_ deliver: @escaping @Sendable (Change) -> Void) async {
    let pacing = client.pacing
    var backOff = pacing.backOff()
    var position: WatchPosition?
    var source = collection
    while !Task.isCancelled {
      let start = ContinuousClock.now
      let eventCount = position?.eventCount ?? 0
      var pause = Duration.zero
      do throws(APIError) {
        if let position {
          try await client.watch(collection, from: position, decode: decode) { event in
            switch event {
            case .put(let item): deliver(.put(item))
            case .removed(let item): deliver(.removed(item))
            }
          }
          pause = pacing.reopeningSpread * Double.random(in: 0...1)
        } else {
          let listing = try await client.list(source, decode: decode)
          deliver(.replaced(listing.items))
          position = WatchPosition(listing.resourceVersion)
          continue
        }
      } catch {
        if error.code == .expired {
          // What an API server remembers may be just as old.
          position = nil
          source = collection.readingLatest
        } else if !Task.isCancelled {
          deliver(.interrupted(error))
        }
        pause = error.retryAfter
      }
      let isFruitful = position.map { $0.eventCount > eventCount } ?? false
      if isFruitful || ContinuousClock.now - start > pacing.longestDelay { backOff.reset() }
      // An end without a fruit is a failure too, whatever the server calls it.
      let delay = isFruitful ? pause : backOff.next(atLeast: pause)
      // Only a cancelled task does not sleep, and that ends the loop.
      try? await Task.sleep(for: delay)
    }
  }
}

extension ObjectCollection {
  /// The same objects, read from the database.
  fileprivate var readingLatest: ObjectCollection {
    ObjectCollection(
      resource, namespace: namespace, fieldSelector: fieldSelector, labelSelector: labelSelector, freshness: .latest,
      pageSize: pageSize)
  }
}
