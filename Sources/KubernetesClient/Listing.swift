import AsyncHTTPClient
package import JSON
import NIOCore

/// The objects of a collection at one moment.
package struct Listing<Item: Sendable>: Sendable {
  package let items: [Item]
  /// From where a watch continues.
  package let resourceVersion: String
}

/// A part of a list.
private struct Page<Item: Sendable>: Sendable {
  var items: [Item]
  var resourceVersion: String
  /// What to ask for the next one with; nil is the end.
  var next: String?
}

extension APIClient {
  /// How often a list is begun anew because its pages became too old while they were read.
  private static let listAttemptCount = 3

  /// Reads all objects of a collection, page by page.
  ///
  /// - Parameter decode: makes of each object what is to be kept of it. Its text and tree are dropped at once, so that
  ///   many objects fit into little memory.
  /// - Throws: `expired` if pages became too old again and again.
  package func list<Item: Sendable>(
    _ collection: ObjectCollection, decode: @escaping @Sendable (JSONValue) -> Item
  ) async throws(APIError) -> Listing<Item> {
    var attemptCount = 0
    while true {
      attemptCount += 1
      do throws(APIError) {
        return try await listOnce(collection, decode)
      } catch {
        guard error.code == .expired, attemptCount < Self.listAttemptCount else { throw error }
      }
    }
  }

  private func listOnce<Item: Sendable>(
    _ collection: ObjectCollection, _ decode: @escaping @Sendable (JSONValue) -> Item
  ) async throws(APIError) -> Listing<Item> {
    var items: [Item] = []
    var next: String?
    while true {
      var parameters = [(name: "limit", value: String(collection.pageSize))]
      if let next {
        parameters.append(("continue", next))
      } else if collection.freshness == .remembered {
        parameters.append(("resourceVersion", "0"))
      }
      let page = try await page(collection, parameters, decode)
      items += page.items
      next = page.next
      if next == nil { return Listing(items: items, resourceVersion: page.resourceVersion) }
    }
  }

  private func page<Item: Sendable>(
    _ collection: ObjectCollection, _ parameters: [(name: String, value: String)],
    _ decode: @escaping @Sendable (JSONValue) -> Item
  ) async throws(APIError) -> Page<Item> {
    let request = APIRequest(
      operation: .list, object: collection.description, target: collection.target(parameters))
    let limits = Limits(call: pacing.callLimit + pacing.pageLimit, attempt: pacing.pageLimit)
    return try await perform(request, within: limits) { response, meaning in
      var splitter = ListSplitter()
      var items: [Item] = []
      for try await part in response.body {
        for item in try splitter.take(part.readableBytesView, meaning) {
          items.append(decode(try parse(item, meaning)))
        }
      }
      let envelope = try parse(splitter.envelope, meaning)
      guard let metadata = envelope["metadata"], let version = metadata["resourceVersion"]?.string,
        envelope["items"] != nil
      else { throw meaning.malformed("is no list") }
      let next = metadata["continue"]?.string
      return Page(items: items, resourceVersion: version, next: next?.isEmpty == false ? next : nil)
    }
  }
}

extension ListSplitter {
  /// Takes the next bytes, with an error in the words of the answer.
  fileprivate mutating func take(
    _ bytes: some Sequence<UInt8>, _ meaning: AnswerMeaning
  ) throws(APIError) -> [[UInt8]] {
    do throws(TooLong) {
      return try take(bytes)
    } catch {
      throw meaning.malformed("is longer than any object can be")
    }
  }
}
