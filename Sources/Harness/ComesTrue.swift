import Glibc

/// Whether a condition comes true in time; it is asked for again and again, and the calling thread blocks in between.
///
/// An error is as good as false: what is asked for may not be there yet.
package func comesTrue(
  within limit: Duration = .seconds(15), every pause: Duration = .milliseconds(5), _ condition: () throws -> Bool
) -> Bool {
  let deadline = ContinuousClock.now + limit
  while true {
    if (try? condition()) == true { return true }
    if ContinuousClock.now > deadline { return false }
    usleep(useconds_t(pause / .microseconds(1)))
  }
}
