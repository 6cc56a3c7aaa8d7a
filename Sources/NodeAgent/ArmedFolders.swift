import Logging
import System

/// The folders that matter, watched as far as that can be done.
struct ArmedFolders: ~Copyable {
  /// What is to be watched.
  var paths: [String] = []

  private let wakeUp: WakeUp
  private let makeWatch: @Sendable (WakeUp) throws(SystemError) -> FolderWatch
  /// Nil where nothing can be watched.
  private var watch: FolderWatch?
  private var gaps: [FolderWatch.Gap] = []
  private var watchError: SystemError?

  init(wakeUp: WakeUp, makeWatch: @escaping @Sendable (WakeUp) throws(SystemError) -> FolderWatch) {
    self.wakeUp = wakeUp
    self.makeWatch = makeWatch
  }

  /// Watches them as they are now.
  mutating func arm() {
    if watch == nil {
      do throws(SystemError) {
        watch = try makeWatch(wakeUp)
        watchError = nil
      } catch {
        watchError = error
      }
    }
    gaps = watch?.arm(paths) ?? []
  }

  /// Whether a folder is there that cannot be watched, so that only a look tells.
  var needsPolling: Bool { watch == nil || gaps.contains { !$0.isMissing } }

  /// Whether a folder is not there yet.
  var hasMissing: Bool { gaps.contains(where: \.isMissing) }

  /// Arms what was missing, and tells whether that made a difference.
  mutating func hasChangedGaps() -> Bool {
    guard hasMissing else { return false }
    let before = gaps
    arm()
    return gaps != before
  }

  /// Waits for events, and takes them.
  ///
  /// - Returns: Whether there were any; none when the time was over or the wake-up came.
  mutating func waitForEvents(for limit: Duration) -> Bool {
    do throws(SystemError) {
      if let events = try watch?.wait(for: limit) { return !events.isEmpty }
    } catch {
      // What cannot be read from is opened anew, and everything is looked at, but not without end.
      watch = nil
      watchError = error
      waitForWakeUp(for: min(limit, .seconds(1)))
      return true
    }
    waitForWakeUp(for: limit)
    return false
  }

  /// Waits without looking at events.
  func waitForWakeUp(for limit: Duration) {
    // `poll` on one descriptor of our own fails for want of memory alone; then the loop goes round sooner.
    _ = try? wakeUp.wait(for: limit)
  }

  /// Takes the events that are there, because what they tell of is looked at anyway.
  mutating func discardEvents() {
    // A writer that never rests does not hold up the look.
    for _ in 0..<64 where !waitForEvents(for: .zero) { return }
  }

  /// What people should know of it.
  var notices: [AgentNotice] {
    if let watchError {
      return [
        AgentNotice(
          .warning, "NotWatching", "cannot watch folders, so they are looked at each second: \(watchError)",
          remedy: "raise fs.inotify.max_user_instances on the node, or the limit of open files")
      ]
    }
    return gaps.map { gap in
      if gap.isMissing { return AgentNotice(.info, "FolderMissing", "\(gap.path) is not there yet") }
      return AgentNotice(
        .warning, "NotWatching", "cannot watch \(gap.path), so it is looked at each second: \(gap.error)",
        remedy: "raise fs.inotify.max_user_watches on the node")
    }
  }
}
