import Synchronization

/// Remembers what it is given, in that order: lines of a log, moments, values.
package final class Recording<Element: Sendable>: Sendable {
  private let contents = Mutex<[Element]>([])

  package init() {}

  package var all: [Element] { contents.withLock { $0 } }

  /// Remembers one more.
  @Sendable package func append(_ element: Element) { contents.withLock { $0.append(element) } }
}
