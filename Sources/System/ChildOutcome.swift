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
  /// Whether a process that it has left running still holds its output or error pipe open.
  package let pipesAreHeld: Bool
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
  let started = ContinuousClock.now
  let child = try Child.spawn(executable, arguments: arguments, environment: environment)
  return try child.finish(standardInput: standardInput, timeLimit: timeLimit, since: started)
}

extension Child {
  /// Serves the pipes until the child has ended, and reaps it.
  ///
  /// - Parameters:
  ///   - standardInput: what the child still reads; its input ends after that.
  ///   - timeLimit: monotonic, from `started`; the child is then killed with `SIGKILL`.
  package consuming func finish(
    standardInput: [UInt8] = [], timeLimit: Duration, since started: ContinuousClock.Instant = .now
  ) throws(SystemError) -> ChildOutcome {
    try setNonBlocking()
    let exit = try openProcessDescriptor()
    var conversation = Conversation(with: self, exit: exit, input: standardInput)
    let ended = try withoutSIGPIPE { () throws(SystemError) in try conversation.hold(until: started + timeLimit) }
    return try conversation.finish(timedOut: !ended)
  }
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

    /// - Parameter chunk: empty at the end of the pipe, nil when there is nothing to read now.
    mutating func append(_ chunk: [UInt8]?) {
      guard let chunk else { return }
      bytes += chunk
      hasEnded = chunk.isEmpty
    }
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
        pollfd(fd: readableOutput, events: CShort(POLLIN), revents: 0),
        pollfd(fd: readableError, events: CShort(POLLIN), revents: 0),
      ]
      let milliseconds = remaining.roundedUpToMilliseconds
      try retrying("poll", "child \(child.pid)") { unsafe poll(&waited, nfds_t(waited.count), milliseconds) }
      if waited[1].revents != 0 { try feed() }
      if waited[2].revents != 0 {
        output.append(try Self.available { () throws(SystemError) in try child.standardOutput?.read(1 << 16) })
      }
      if waited[3].revents != 0 {
        error.append(try Self.available { () throws(SystemError) in try child.standardError?.read(1 << 16) })
      }
      // The process is looked at first, so pipes that were found empty after its end stay so.
      let pipesAreEmpty = waited[2].revents == 0 && waited[3].revents == 0
      if waited[0].revents != 0, pipesAreEmpty { return true }
    }
  }

  consuming func finish(timedOut: Bool) throws(SystemError) -> ChildOutcome {
    if timedOut { try child.kill(SIGKILL) }
    let pipesAreHeld = !timedOut && (readableOutput >= 0 || readableError >= 0)
    let output = output.bytes
    let error = error.bytes
    return ChildOutcome(
      status: try child.wait(), standardOutput: output, standardError: error, timedOut: timedOut,
      pipesAreHeld: pipesAreHeld)
  }

  /// `poll` passes over negative descriptors.
  private var writable: CInt {
    child.standardInput?.withRawValue { $0 } ?? -1
  }

  private var readableOutput: CInt {
    output.hasEnded ? -1 : child.standardOutput?.withRawValue { $0 } ?? -1
  }

  private var readableError: CInt {
    error.hasEnded ? -1 : child.standardError?.withRawValue { $0 } ?? -1
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

  /// What one read gives: a child that writes without end must not keep us from looking at the clock.
  private static func available(_ read: () throws(SystemError) -> [UInt8]?) throws(SystemError) -> [UInt8]? {
    do throws(SystemError) {
      return try read()
    } catch let error where error.errno == .wouldBlock {
      return nil
    }
  }
}

/// Runs `body` so that a write to a closed pipe is an error of the call and no signal for the process.
func withoutSIGPIPE<R>(_ body: () throws(SystemError) -> R) throws(SystemError) -> R {
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
