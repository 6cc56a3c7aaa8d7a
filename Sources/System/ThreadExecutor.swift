import Glibc
import Synchronization
import SystemPackage

/// A thread that runs the code of actors, which may block there: no other task waits for it.
///
/// Its jobs run one after the other, each on the same thread, until ``stop()``. It is no place for `setns` and its like;
/// see ``onDedicatedThread(_:)``.
package final class ThreadExecutor: SerialExecutor {
  private struct State: Sendable {
    var jobs: [UnownedJob] = []
    var isStopping = false
  }

  private let state = Mutex(State())
  private let wakeUp: WakeUp

  /// Starts the thread.
  ///
  /// - Throws: `EAGAIN` beyond the limits of threads, `EMFILE` if no descriptor is left.
  package static func start() throws(SystemError) -> ThreadExecutor {
    let executor = ThreadExecutor(wakeUp: try WakeUp())
    // The thread keeps the executor alive until it is stopped.
    try startThread { executor.work() }
    return executor
  }

  private init(wakeUp: WakeUp) {
    self.wakeUp = wakeUp
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.jobs.append(job) }
    wakeUp.signal()
  }

  /// Ends the thread after the jobs that it has got. An actor that it runs gets no further ones.
  package func stop() {
    state.withLock { $0.isStopping = true }
    wakeUp.signal()
  }

  private func work() {
    while true {
      let (jobs, isStopping) = state.withLock { state in
        defer { state.jobs = [] }
        return (state.jobs, state.isStopping)
      }
      for job in jobs { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
      if !jobs.isEmpty { continue }
      if isStopping { return }
      do throws(SystemError) {
        try wakeUp.wait()
      } catch {
        preconditionFailure("a wait without a limit for a descriptor of our own ends with a signal: \(error)")
      }
    }
  }
}
