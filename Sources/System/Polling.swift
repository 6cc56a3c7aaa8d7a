import CLinux
import Glibc

/// Waits until one of `descriptors` can be read.
///
/// - Parameter limit: the longest wait; nil waits for ever.
/// - Returns: For each descriptor whether it can be read; none of them when the time is over.
func waitUntilReadable(_ descriptors: [CInt], for limit: Duration?) throws(SystemError) -> [Bool] {
  let deadline = limit.map { ContinuousClock.now + $0 }
  var requests = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
  try retrying("poll", "\(descriptors.count) descriptors") {
    // Calculated anew after a signal of the process.
    let milliseconds = deadline.map { max(0, ($0 - .now).roundedUpToMilliseconds) } ?? -1
    return unsafe poll(&requests, nfds_t(requests.count), milliseconds)
  }
  return requests.map { $0.revents != 0 }
}
