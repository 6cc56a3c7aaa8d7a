import Glibc
import SystemPackage

/// Runs `body` on a thread of its own, waits for it, and returns what it made.
///
/// The one place where `setns`, `unshare` and raw `setresuid` are allowed: they change a thread for good, so the
/// thread ends with the body and is never reused. Do there as little as possible, and hand out what outlives the
/// thread: a socket, a descriptor, a child.
///
/// - Throws: what the body throws, or the error of `pthread_create`.
package func onDedicatedThread<R: ~Copyable & Sendable>(
  _ body: @escaping @Sendable () throws(SystemError) -> R
) throws(SystemError) -> R {
  let outcome = Outcome<R>()
  let work = ThreadBody {
    do throws(SystemError) {
      outcome.result = .success(try body())
    } catch {
      outcome.result = .failure(error)
    }
  }
  let thread = try createThread(work)
  let joined = pthread_join(thread, nil)
  precondition(joined == 0, "a thread of our own can always be joined")
  guard let result = outcome.result.take() else {
    preconditionFailure("a joined thread has left its result")
  }
  return try result.get()
}

/// Runs `body` on a thread of its own, which nobody waits for.
func startThread(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
  let detached = pthread_detach(try createThread(ThreadBody(body)))
  precondition(detached == 0, "a thread of our own can always be detached")
}

private func createThread(_ work: ThreadBody) throws(SystemError) -> pthread_t {
  var thread = pthread_t()
  let unmanaged = unsafe Unmanaged.passRetained(work)
  let code = unsafe pthread_create(
    &thread, nil,
    { argument in
      if let argument = unsafe argument {
        unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
      }
      return nil
    },
    unmanaged.toOpaque())
  guard code == 0 else {
    unsafe unmanaged.release()
    throw SystemError("pthread_create", "dedicated thread", Errno(rawValue: code))
  }
  return thread
}

/// What crosses `pthread_create`'s untyped pointer.
private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) {
    self.run = run
  }
}

/// Where the thread leaves its result.
///
/// `@unchecked Sendable`: only the thread touches it until `pthread_join`, only the caller afterwards.
private final class Outcome<R: ~Copyable & Sendable>: @unchecked Sendable {
  var result: Result<R, SystemError>?
}
