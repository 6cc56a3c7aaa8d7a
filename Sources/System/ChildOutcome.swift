import CLinux
import Glibc
import SystemPackage

/// What a child left behind.
package struct ChildOutcome: Sendable, Equatable {
  package let status: ChildStatus
  package let standardOutput: [UInt8]
  package let standardError: [UInt8]
  /// Whether it was killed because its time was over. What it had written by then is kept.
  package let timedOut: Bool
}

/// Runs a program to its end and collects its output.
///
/// The child inherits the namespaces of the calling thread; see `Child`. It has ended when its own process has: a
/// process it leaves running, even with the pipes open, is not waited for.
///
/// - Parameters:
///   - standardInput: what the child reads; that it does not read all of it is no error.
///   - timeLimit: monotonic, from the start; the child is then killed with `SIGKILL`.
/// - Throws: what keeps the child from starting, or a failed pipe. The child is gone in each case.
package func runChild(
  _ executable: String, arguments: [String], environment: [String: String], standardInput: [UInt8] = [],
  timeLimit: Duration
) throws(SystemError) -> ChildOutcome {
  let deadline = ContinuousClock.now + timeLimit
  let child = try Child.spawn(executable, arguments: arguments, environment: environment)
  try child.setNonBlocking()
  let exit = try child.openProcessDescriptor()
  var conversation = Conversation(with: child, exit: exit, input: standardInput)
  let ended = try withoutSIGPIPE { () throws(SystemError) in try conversation.hold(until: deadline) }
  return try conversation.finish(timedOut: !ended)
}

/// The exchange over a child's pipes while it runs.
private struct Conversation: ~Copyable {
  private var child: Child
  private let exit: OwnedDescriptor
  private var input: ArraySlice<UInt8>
  private var output = Collected()
  private var error = Collected()

  private struct Collected {
    var bytes: [UInt8] = []
    var hasEnded = false
  }

  init(with child: consuming Child, exit: consuming OwnedDescriptor, input: [UInt8]) {
    if input.isEmpty { child.closeInput() }
    self.child = child
    self.exit = exit
    self.input = input[...]
  }

  /// Serves the pipes until the process ends.
  ///
  /// - Returns: whether it ended in time.
  mutating func hold(until deadline: ContinuousClock.Instant) throws(SystemError) -> Bool {
    while true {
      let remaining = ContinuousClock.now.duration(to: deadline)
      if remaining <= .zero { return false }
      var waited = [
        pollfd(fd: exit.withRawValue { $0 }, events: CShort(POLLIN), revents: 0),
        pollfd(fd: writable, events: CShort(POLLOUT), revents: 0),
        pollfd(fd: readable(output, child.standardOutput), events: CShort(POLLIN), revents: 0),
        pollfd(fd: readable(error, child.standardError), events: CShort(POLLIN), revents: 0),
      ]
      let milliseconds = remaining.roundedUpToMilliseconds
      try retrying("poll", "child \(child.pid)") { unsafe poll(&waited, nfds_t(waited.count), milliseconds) }
      if waited[1].revents != 0 { try feed() }
      if waited[2].revents != 0 { try Self.take(from: child.standardOutput, into: &output) }
      if waited[3].revents != 0 { try Self.take(from: child.standardError, into: &error) }
      // The process is looked at first, so pipes that were found empty after its end stay so.
      let pipesAreEmpty = waited[2].revents == 0 && waited[3].revents == 0
      if waited[0].revents != 0, pipesAreEmpty { return true }
    }
  }

  consuming func finish(timedOut: Bool) throws(SystemError) -> ChildOutcome {
    if timedOut { try child.kill(SIGKILL) }
    let output = output.bytes
    let error = error.bytes
    return ChildOutcome(
      status: try child.wait(), standardOutput: output, standardError: error, timedOut: timedOut)
  }

  /// `poll` passes over negative descriptors.
  private var writable: CInt {
    child.standardInput?.withRawValue { $0 } ?? -1
  }

  private func readable(_ collected: Collected, _ pipe: borrowing OwnedDescriptor) -> CInt {
    collected.hasEnded ? -1 : pipe.withRawValue { $0 }
  }

  private mutating func feed() throws(SystemError) {
    do throws(SystemError) {
      input = input.dropFirst(try child.standardInput?.write(input) ?? 0)
      if input.isEmpty { child.closeInput() }
    } catch {
      switch error.errno {
      case .wouldBlock: return
      case .brokenPipe: child.closeInput()
      default: throw error
      }
    }
  }

  /// Takes what one read gives: a child that writes without end must not keep us from looking at the clock.
  private static func take(
    from pipe: borrowing OwnedDescriptor, into collected: inout Collected
  ) throws(SystemError) {
    do throws(SystemError) {
      let chunk = try pipe.read(1 << 16)
      collected.bytes += chunk
      collected.hasEnded = chunk.isEmpty
    } catch let error where error.errno == .wouldBlock {}
  }
}

/// Runs `body` so that a write to a closed pipe is an error of the call and no signal for the process.
private func withoutSIGPIPE<R>(_ body: () throws(SystemError) -> R) throws(SystemError) -> R {
  var pipeSignal = sigset_t()
  var before = sigset_t()
  unsafe sigemptyset(&pipeSignal)
  unsafe sigaddset(&pipeSignal, SIGPIPE)
  unsafe pthread_sigmask(SIG_BLOCK, &pipeSignal, &before)
  defer {
    // The signal goes to the thread that writes, so one that is pending here is ours to take back.
    var now = timespec()
    if unsafe sigismember(&before, SIGPIPE) == 0 { unsafe sigtimedwait(&pipeSignal, nil, &now) }
    unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
  }
  return try body()
}

extension Duration {
  /// For calls that count milliseconds in an `int`; rounded up, so that a wait does not end before its time.
  package var roundedUpToMilliseconds: CInt {
    let (seconds, attoseconds) = components
    let milliseconds = seconds.multipliedReportingOverflow(by: 1000)
    let exact = milliseconds.partialValue + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    return milliseconds.overflow ? .max : CInt(clamping: exact)
  }
}
