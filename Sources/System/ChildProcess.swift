package import CLinux
import Glibc
import SystemPackage

/// How a child ended.
package enum ChildStatus: Sendable, Equatable {
  case exited(CInt)
  case signalled(CInt)
}

/// A child that has not been reaped: killed and reaped with its owner unless it was waited for.
package struct ChildProcess: ~Copyable, Sendable {
  package let pid: pid_t

  private init(pid: pid_t) {
    self.pid = pid
  }

  deinit {
    _ = Glibc.kill(pid, SIGKILL)
    // Nothing to tell: the error that brought us here is the one to report.
    _ = try? Self.reap(pid)
  }

  /// Starts a program with three descriptors as its standard streams and no other one. They stay the caller's.
  package static func spawn(
    _ executable: String, arguments: [String], environment: [String: String], standardStreams: [CInt]
  ) throws(SystemError) -> ChildProcess {
    let variables = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let argumentVector = CStringVector([executable] + arguments)
    let environmentVector = CStringVector(variables)

    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    try check("posix_spawn_file_actions_init", unsafe posix_spawn_file_actions_init(&actions))
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for (number, descriptor) in standardStreams.enumerated() {
      try check(
        "posix_spawn_file_actions_adddup2",
        unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, CInt(number)))
    }
    // Ours are closed on exec anyway; this is for descriptors that a library or our own parent left open.
    try check(
      "posix_spawn_file_actions_addclosefrom_np",
      unsafe clinux_spawn_close_from(&actions, CInt(standardStreams.count)))

    try check("posix_spawnattr_init", unsafe posix_spawnattr_init(&attributes))
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    unsafe sigemptyset(&none)
    unsafe sigfillset(&all)
    try check("posix_spawnattr_setsigmask", unsafe posix_spawnattr_setsigmask(&attributes, &none))
    try check("posix_spawnattr_setsigdefault", unsafe posix_spawnattr_setsigdefault(&attributes, &all))
    let flags = CShort(POSIX_SPAWN_SETSIGMASK) | CShort(POSIX_SPAWN_SETSIGDEF)
    try check("posix_spawnattr_setflags", unsafe posix_spawnattr_setflags(&attributes, flags))

    var pid: pid_t = 0
    let code = unsafe posix_spawn(
      &pid, executable, &actions, &attributes, argumentVector.pointers, environmentVector.pointers)
    guard code == 0 else { throw SystemError("posix_spawn", executable, Errno(rawValue: code)) }
    return ChildProcess(pid: pid)
  }

  /// Sends a signal. The process exists until it is reaped, so it is never another one's.
  package borrowing func kill(_ signal: CInt) throws(SystemError) {
    try retrying("kill", "process \(pid), signal \(signal)") { Glibc.kill(pid, signal) }
  }

  /// Waits for the end of the process, without reaping it.
  ///
  /// - Parameter limit: how long; zero only looks.
  /// - Returns: whether it has ended.
  package borrowing func hasEnded(within limit: Duration) throws(SystemError) -> Bool {
    let deadline = ContinuousClock.now + limit
    let descriptor = try openDescriptor()
    var request = pollfd(fd: descriptor.withRawValue { $0 }, events: CShort(POLLIN), revents: 0)
    let object = "process \(pid)"
    let ready = try retrying("poll", object) {
      unsafe poll(&request, 1, max(0, (deadline - .now).roundedUpToMilliseconds))
    }
    return ready > 0
  }

  /// A descriptor that becomes readable when the process ends.
  borrowing func openDescriptor() throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(owning: try retrying("pidfd_open", "process \(pid)") { clinux_pidfd_open(pid) })
  }

  /// Waits for the end of the process, and reaps it.
  package consuming func wait() throws(SystemError) -> ChildStatus {
    let pid = pid
    discard self
    return try Self.reap(pid)
  }

  private static func reap(_ pid: pid_t) throws(SystemError) -> ChildStatus {
    var status: CInt = 0
    try retrying("waitpid", "process \(pid)") { unsafe waitpid(pid, &status, 0) }
    return clinux_status_is_exit(status) != 0
      ? .exited(clinux_status_exit_code(status)) : .signalled(clinux_status_signal(status))
  }

  private static func check(_ operation: String, _ code: CInt) throws(SystemError) {
    if code != 0 { throw SystemError(operation, "child", Errno(rawValue: code)) }
  }
}

/// Strings as `execve` takes them: NUL-terminated copies behind a vector that ends with a null pointer.
///
/// `@safe`: the vector lives as long as its owner, and is only lent to `posix_spawn`.
@safe private struct CStringVector: ~Copyable {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [String]) {
    count = strings.count
    unsafe pointers = .allocate(capacity: strings.count + 1)
    for (index, string) in strings.enumerated() {
      unsafe (pointers + index).initialize(to: strdup(string))
    }
    unsafe (pointers + strings.count).initialize(to: nil)
  }

  deinit {
    for index in 0..<count { unsafe free(pointers[index]) }
    unsafe pointers.deallocate()
  }
}
