import CLinux
import Glibc

/// How long the node has been up, with the time that it slept.
package func timeSinceBoot() -> Duration { time(CLOCK_BOOTTIME) }

/// What time it is, as the time since 1970 in UTC, without leap seconds.
package func timeSinceEpoch() -> Duration { time(CLOCK_REALTIME) }

private func time(_ clock: clockid_t) -> Duration {
  var time = timespec()
  let result = unsafe clock_gettime(clock, &time)
  precondition(result == 0, "every kernel that is supported has the clock")
  return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}
