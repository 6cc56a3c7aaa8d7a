import Synchronization

/// Something that is the case from some moment on.
package final class Flag: Sendable {
  private let value = Atomic(false)

  package init() {}

  package var isRaised: Bool { value.load(ordering: .acquiring) }

  /// Makes it the case.
  ///
  /// - Returns: Whether it was not before.
  @discardableResult
  package func raise() -> Bool { !value.exchange(true, ordering: .acquiringAndReleasing) }
}
