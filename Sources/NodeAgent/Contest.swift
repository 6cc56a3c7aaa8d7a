import Kubernetes

/// Tells a repair from a fight: another program that undoes each repair at once is not answered at once for ever.
///
/// Pure: time comes from the caller.
package struct Contest: Sendable {
  package typealias Instant = SuspendingClock.Instant

  /// As many repairs within ``window`` are none yet: a primary plugin that starts may write its file a few times.
  package static let toleratedCount = 5
  package static let window = Duration.seconds(10)
  /// Without a repair for this long it is over.
  package static let calm = Duration.seconds(60)

  private var repairs: [Instant] = []
  private var backOff: BackOff

  /// Whether it is on.
  package private(set) var isOn = false
  /// When the node may be repaired again; nil: now.
  package private(set) var nextRepair: Instant?

  /// - Parameters:
  ///   - first: the wait after the first repair that is one too many; doubled after each further one.
  ///   - limit: the longest wait.
  package init(first: Duration = .seconds(1), limit: Duration = .seconds(30)) {
    backOff = BackOff(first: first, limit: limit)
  }

  /// When it is over if there is no repair until then; nil if it is not on.
  package var end: Instant? { isOn ? repairs.last.map { $0 + Self.calm } : nil }

  /// Notes that configuration files had to be repaired.
  ///
  /// - Returns: Whether it begins with that.
  package mutating func noteRepair(at now: Instant) -> Bool {
    settle(at: now)
    repairs = repairs.filter { now - $0 <= Self.window } + [now]
    let wasOn = isOn
    isOn = isOn || repairs.count > Self.toleratedCount
    nextRepair = isOn ? now + backOff.next() : nil
    return isOn && !wasOn
  }

  /// Ends it after enough calm.
  ///
  /// - Returns: Whether it ends with that.
  @discardableResult
  package mutating func settle(at now: Instant) -> Bool {
    guard let end, now >= end else { return false }
    repairs = []
    backOff.reset()
    isOn = false
    nextRepair = nil
    return true
  }
}
