package import CLinux

/// A running child with the near ends of its three pipes.
///
/// It inherits from the **calling thread**: inside `NetworkNamespace.run` it starts in that namespace. Everything
/// else is clean: the environment is the given one, signals are unblocked and at their defaults, and no descriptor
/// but the three is open.
package struct Child: ~Copyable, Sendable {
  /// `nil` once closed: the child then reads the end of its input.
  package private(set) var standardInput: OwnedDescriptor?
  /// `nil` once closed: the child's writes then fail with `EPIPE`, or end it by `SIGPIPE`.
  package private(set) var standardOutput: OwnedDescriptor?
  /// As the standard output.
  package private(set) var standardError: OwnedDescriptor?
  private let process: ChildProcess

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - executable: a path; `PATH` is not searched.
  ///   - arguments: without the program's own name.
  /// - Throws: what `execve` says, under the operation `posix_spawn`.
  package static func spawn(
    _ executable: String, arguments: [String], environment: [String: String]
  ) throws(SystemError) -> Child {
    let input = try OwnedDescriptor.pipe()
    let output = try OwnedDescriptor.pipe()
    let error = try OwnedDescriptor.pipe()
    let process = try ChildProcess.spawn(
      executable, arguments: arguments, environment: environment,
      standardStreams: [
        input.reader.withRawValue { $0 }, output.writer.withRawValue { $0 }, error.writer.withRawValue { $0 },
      ])
    return Child(
      standardInput: input.writer, standardOutput: output.reader, standardError: error.reader, process: process)
  }

  package var pid: pid_t { process.pid }

  /// Ends the child's standard input.
  package mutating func closeInput() {
    standardInput = nil
  }

  /// Writes to the child's standard input; waits while the pipe is full.
  ///
  /// - Throws: `EPIPE` if the child has closed it.
  package borrowing func send(_ bytes: [UInt8]) throws(SystemError) {
    guard standardInput != nil else { return }
    try withoutSIGPIPE { () throws(SystemError) in try standardInput?.writeAll(bytes) }
  }

  /// Stops reading the child's standard output.
  package mutating func closeOutput() {
    standardOutput = nil
  }

  /// Stops reading the child's standard error.
  package mutating func closeError() {
    standardError = nil
  }

  borrowing func setNonBlocking() throws(SystemError) {
    try standardInput?.setNonBlocking()
    try standardOutput?.setNonBlocking()
    try standardError?.setNonBlocking()
  }

  /// A descriptor that becomes readable when the child ends.
  borrowing func openProcessDescriptor() throws(SystemError) -> OwnedDescriptor {
    try process.openDescriptor()
  }

  /// Sends a signal to the child.
  package borrowing func kill(_ signal: CInt) throws(SystemError) {
    try process.kill(signal)
  }

  /// Waits for the end of the child, and reaps it. Read its output first: a full pipe keeps it from ending.
  package consuming func wait() throws(SystemError) -> ChildStatus {
    try process.wait()
  }
}
