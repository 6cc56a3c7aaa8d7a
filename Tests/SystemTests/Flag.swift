import Synchronization

/// Something that is the case from some moment on.
final class Flag: Sendable {
  private let value = Atomic(false)

  var isRaised: Bool { value.load(ordering: .acquiring) }

  /// - Returns: Whether it was not raised before.
  @discardableResult
  func raise() -> Bool { !value.exchange(true, ordering: .acquiringAndReleasing) }
}
